"""A registry on this machine, and a fetch from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcanary.download.downloader import Downloader
from dcanary.download.hosts import Hosts
from dcanary.download.model import Limits
from dcanary.download.registries import PUBLIC_HOSTS, Registries
from dcanary.fetch.fetching import Fetched, fetch, pins_of
from dcanary.fetch.pinned import Target
from dcanary.objects import ObjectStore
from tests.registry import Registry, serve

Fetch = Callable[..., Fetched]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve() as made:
        yield made


@pytest.fixture
def fetched(tmp_path: Path, registry: Registry) -> Fetch:
    """Fetches what lock files pin, by name and text, into a folder; everything is mirrored."""
    mirrors = Registries(
        f"{registry.url}/npm/",
        f"{registry.url}/simple/",
        f"{registry.url}/crates/",
        f"{registry.url}/ic/",
    )

    def run(files: dict[str, str], into: Path, store: str = "store") -> Fetched:
        content = {name: text.encode() for name, text in files.items()}
        pins = pins_of(content.get, files, PUBLIC_HOSTS, Target())
        objects = ObjectStore(tmp_path / store, 1 << 30)
        with Downloader(
            objects,
            tmp_path / f"{store}-downloads",
            Hosts(PUBLIC_HOSTS, mirrors.trusted),
            limits=Limits(pauses=(0.01,)),
        ) as downloader:
            return fetch(pins, objects, downloader, mirrors, Target(), into)

    return run
