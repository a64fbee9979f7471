"""A place for images with a registry on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

from dcanary.download.downloader import Downloader
from dcanary.download.model import Limits
from dcanary.image.build import ensure_image
from dcanary.image.lock import Lock
from dcanary.image.registries import Registries
from dcanary.image.store import Image, ImageStore
from dcanary.objects import ObjectStore
from tests.registry import Registry, serve

QUICK = Limits(connect=5, silence=20, total=60, pauses=())


@dataclass
class Place:
    """One operator's stores below a folder; `said` is what a build told about its progress."""

    folder: Path
    registry: Registry
    snapshot: bool = False
    said: list[str] = field(default_factory=list)

    @property
    def registries(self) -> Registries:
        url = self.registry.url
        debian = {"debian": f"{url}/debian", "debian-security": f"{url}/debian-security"}
        snapshot = f"{url}/snapshot" if self.snapshot else ""
        return Registries(debian, f"{url}/npm/", f"{url}/simple/", snapshot)

    @property
    def images(self) -> ImageStore:
        return ImageStore(self.folder / "images")

    @property
    def objects(self) -> ObjectStore:
        return ObjectStore(self.folder / "objects", 1 << 30)

    def build(
        self,
        lock: Lock,
        name: str = "",
        places: Mapping[str, str] = MappingProxyType({}),
        say: Callable[[str], None] | None = None,
    ) -> Image:
        registries, objects = self.registries, self.objects
        downloads = self.folder / "downloads"
        with Downloader(objects, downloads, registries.hosts, limits=QUICK) as downloader:
            return ensure_image(
                lock,
                self.images,
                objects,
                downloader,
                registries,
                say or self.said.append,
                name,
                places,
            )


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve() as serving:
        yield serving


@pytest.fixture
def place(tmp_path: Path, registry: Registry) -> Place:
    return Place(tmp_path / "place", registry)
