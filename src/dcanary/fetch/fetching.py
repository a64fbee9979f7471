"""From lock files to the folder of their dependencies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dcanary.download.downloader import Downloader
from dcanary.download.registries import Registries
from dcanary.fetch.bring import FetchFailed, bring, host_problems
from dcanary.fetch.brought import Brought
from dcanary.fetch.layout.folder import Manifest
from dcanary.fetch.layout.kinds import lay_out
from dcanary.fetch.locks.reading import read_locks
from dcanary.fetch.pinned import Pinned, ReadFile, Target
from dcanary.objects import ObjectStore


@dataclass(frozen=True)
class Fetched:
    """What has been brought, and the manifest that operators agree on."""

    brought: tuple[Brought, ...]
    manifest: Manifest

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of dependencies, sorted."""
        return tuple(sorted({each.pin.kind for each in self.brought}))


def pins_of(
    read: ReadFile, locks: Iterable[str], allowed: Iterable[str], target: Target
) -> list[Pinned]:
    """What lock files pin. Raises FetchFailed with all that does not pin or is not allowed."""
    found = read_locks(read, locks, target)
    problems = sorted({*found.problems, *host_problems(found.pins, allowed)})
    if problems:
        raise FetchFailed(problems)
    return found.pins


def fetch(
    pins: list[Pinned],
    store: ObjectStore,
    downloader: Downloader,
    registries: Registries,
    target: Target,
    into: Path,
) -> Fetched:
    """Make the folder `into` of what is pinned; it appears complete or not at all.

    Raises FetchFailed, LayoutError, ObjectError and OSError. What was downloaded before stays in
    the store, so that the next attempt does not download it again.
    """
    brought = bring(pins, store, downloader, registries, target)
    return Fetched(tuple(brought), lay_out(brought, store, into))
