"""The images of this user on this machine: where they are kept, and how one is had."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dcanary import folders
from dcanary.download.downloader import Downloader
from dcanary.image.build import ensure_image
from dcanary.image.lock import Lock
from dcanary.image.registries import Registries, find_registries
from dcanary.image.store import Image, ImageStore
from dcanary.objects import ObjectStore

MAX_OBJECT_BYTES = 20 * 1024**3

Progress = Callable[[str], None]


def images() -> ImageStore:
    """The built images."""
    return ImageStore(folders.images())


def objects() -> ObjectStore:
    """The downloaded packages."""
    return ObjectStore(folders.objects(), MAX_OBJECT_BYTES)


def open_downloader(registries: Registries, progress: Progress) -> Downloader:
    """Downloads from some registries; the caller closes it."""
    return Downloader(objects(), folders.downloads(), registries.hosts, say=progress)


def have_image(
    lock: Lock, progress: Progress, name: str = "", places: Mapping[str, str] = MappingProxyType({})
) -> Image:
    """The image of a lock, built unless it is there and sound. Raises ImageError and OSError.

    `places` says of each sha256 where in a lock file it stands, for messages.

    A stage that runs in it holds it with `images().use(lock.digest)`.
    """
    registries = find_registries()
    with open_downloader(registries, progress) as downloader:
        return ensure_image(
            lock, images(), objects(), downloader, registries, progress, name, places
        )
