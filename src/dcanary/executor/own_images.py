"""Images of lock files in repositories, built when a stage of the repository asks for one.

Nothing of the packages is run, and the registered pipeline names the lock's digest, so that only
who may change the pipeline decides what is built; what is bounded is room.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable

from dcanary.executor.runtimes import RuntimeUnavailable
from dcanary.fetch.pinned import ReadFile
from dcanary.image.errors import LockProblem
from dcanary.image.lock import Lock, parse_lock
from dcanary.image.places import places
from dcanary.image.store import ImageInUse, ImageStore

MAX_PACKAGES_BYTES = 2 << 30
"""Of the packages of one image, as they are downloaded."""
MAX_KEPT_BYTES = 16 << 30
"""Of such images that are kept; those used least recently go first."""
PREFIX = "on demand: "
"""Begins the names of such images in the store, before the path of the lock."""

_LACKED = "this machine lacks the image that the stage asks for"

Say = Callable[[str], None]


def own_lock(path: str, digest: str, read: ReadFile) -> tuple[Lock, dict[str, str]]:
    """The lock of a commit whose digest a pipeline names, and the places of its hashes.

    Raises RuntimeUnavailable when this machine cannot build it. That the commit has not the lock
    is no failure to attest to: who has built the image before needs no lock.
    """
    content = read(path)
    if content is None:
        raise RuntimeUnavailable(
            f"{_LACKED}, and there is no file {path} in the commit to build it by"
        )
    try:
        lock = parse_lock(content, path)
    except LockProblem as error:
        raise RuntimeUnavailable(f"{_LACKED}, and the lock file is wrong: {error}") from error
    if lock.digest != digest:
        raise RuntimeUnavailable(
            f"{_LACKED}, and {path} is another lock than the one that the pipeline was registered "
            "with: run `dcanary pipeline update`"
        )
    here = platform.machine()
    if lock.machine != here:
        raise RuntimeUnavailable(f"the image of {path} is for {lock.machine}, this is {here}")
    size = sum(sum(each.size for each in kind) for kind in (lock.debian, lock.npm, lock.pypi))
    if size > MAX_PACKAGES_BYTES:
        raise RuntimeUnavailable(
            f"the packages of {path} have {size:,} bytes, and images of up to "
            f"{MAX_PACKAGES_BYTES:,} are built on demand: dcanary image build {path}"
        )
    return lock, places(content, path)


def make_room(store: ImageStore, say: Say, most: int = MAX_KEPT_BYTES) -> None:
    """Remove images that were built on demand, least recently used first, until they have at most
    `most` bytes. One in which a stage runs stays."""
    kept = [each for each in store.images() if each.name.startswith(PREFIX)]
    total = sum(each.bytes for each in kept)
    for image in sorted(kept, key=lambda each: each.used):
        if total <= most:
            return
        with contextlib.suppress(ImageInUse):
            store.remove(image.digest)
            total -= image.bytes
            say(f"removed the image {image.digest[:12]} ({image.name}), which was used least")
