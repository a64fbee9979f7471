"""Packages of fetch stages as builds speak of them: what is needed, what is given.

Apart from `packages`, which has and fetches them: most builds need none, and what fetches takes
long to import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcanary.executor.source import LINK, Entry, SourceFailure
from dcanary.fetch.layout.kinds import environment
from dcanary.fetch.pinned import MAX_LOCK_BYTES, ReadFile


class FetchFailure(SourceFailure):
    """The commit's lock files do not say what to fetch, or not truly: the same for everybody."""

    about = "fetch"


@dataclass(frozen=True)
class Needed:
    """Packages that a stage finds: of which fetch stage, its Fetch record, the agreed digest."""

    stage: str
    fetch: Mapping[str, Any]
    digest: str


@dataclass(frozen=True)
class Given:
    """A folder of packages for one stage."""

    folder: Path

    def environment(self, mount: str) -> dict[str, str]:
        """The variables by which the tools find the packages when the folder is at `mount`."""
        return environment((each.name for each in self.folder.iterdir()), mount)


def reading(entries: Sequence[Entry]) -> ReadFile:
    """Reads files of a checkout, of a large one the beginning; never through links."""
    files = {each.path: each.content for each in entries if each.mode != LINK}

    def read(path: str) -> bytes | None:
        content = files.get(path)
        if content is None:
            return None
        with content.open() as stream:
            return stream.read(MAX_LOCK_BYTES + 1)

    return read
