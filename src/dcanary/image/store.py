"""Built images on disk: shared read-only by all stages, checked on each use, removed when unused.

images/<lock digest>/tree         the root file system
images/<lock digest>/image.json   what it is, and how its files looked when it was built
images/<lock digest>/files.json   every path with the hash of its content
images/<lock digest>/checked.json when all bytes were compared last
images/locks/<lock digest>        locked by who builds (alone) or uses (with others) the image
images/partial/<lock digest>      an image that is being built, or whose builder was killed
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dcanary.image.errors import DamagedImage, ImageError
from dcanary.image.listing import check_content, stat_digest
from dcanary.image.lock import Lock, parse_lock
from dcanary.image.tree import Entry, Tree, tree_digest

# All bytes are compared again after so many uses, so many seconds, and each start of the machine.
WHOLE_CHECK_USES = 200
WHOLE_CHECK_SECONDS = 24 * 3_600
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class ImageInUse(ImageError):
    """An image cannot be removed while a stage runs in it."""


class NoSuchImage(ImageError):
    """The image has not been built on this machine."""


@dataclass(frozen=True)
class Image:
    """A built image. `digest` is that of its lock, `tree` names every byte of its files.

    `machine` is as `uname -m` says it; `bytes` and `files` count what is in `root`.
    """

    digest: str
    tree: str
    machine: str
    root: Path
    bytes: int
    files: int
    name: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ("/usr/bin",)
    used: float = 0.0

    @property
    def program_path(self) -> str:
        """The variable PATH of commands in the image."""
        return ":".join(self.path)


class ImageStore:
    """The images in `folder`. Several processes and threads may use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.partial = folder / "partial"

    def images(self) -> list[Image]:
        """All built images, by name and digest."""
        found = [self.find(each.name) for each in self._folders()]
        return sorted((each for each in found if each), key=lambda each: (each.name, each.digest))

    def find(self, digest: str) -> Image | None:
        """A built image, not checked."""
        folder = self._folder(digest)
        try:
            record = json.loads((folder / "image.json").read_text())
            record["path"] = tuple(record["path"])
            del record["stat"]
            used = (folder / "checked.json").stat().st_mtime
            return Image(root=folder / "tree", used=used, **record)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def lock_of(self, digest: str) -> Lock:
        """The lock that an image was built from. Raises NoSuchImage and ImageError."""
        file = self._folder(digest) / "lock.json"
        try:
            return parse_lock(file.read_bytes(), str(file))
        except FileNotFoundError as error:
            raise NoSuchImage(f"the image {digest} is not built") from error

    @contextlib.contextmanager
    def use(self, digest: str) -> Iterator[Image]:
        """An image that stays for as long as this context, its files checked.

        Raises NoSuchImage, and DamagedImage when files have changed, then and from then on.
        """
        with self._hold(digest, fcntl.LOCK_SH):
            image = self.find(digest)
            if image is None:
                raise NoSuchImage(f"the image {digest} is not built")
            known = self.damage(digest)
            if known is not None:
                raise DamagedImage(known)
            self._check(image, whole=False)
            yield image

    def damage(self, digest: str) -> str | None:
        """What a use or a check found changed in an image; None as long as none did."""
        try:
            return (self._folder(digest) / "damaged").read_text()
        except FileNotFoundError:
            return None

    def check(self, digest: str) -> Image:
        """Compare every byte of an image. Raises NoSuchImage and DamagedImage."""
        with self._hold(digest, fcntl.LOCK_SH):
            image = self.find(digest)
            if image is None:
                raise NoSuchImage(f"the image {digest} is not built")
            self._check(image, whole=True)
            (self._folder(digest) / "damaged").unlink(missing_ok=True)
            return image

    def remove(self, digest: str) -> int:
        """Remove an image; returns the bytes freed. Raises ImageInUse while a stage runs in it."""
        with self._hold(digest, fcntl.LOCK_EX | fcntl.LOCK_NB):
            image = self.find(digest)
            self._discard(digest)
            return image.bytes if image else 0

    def collect(self, unused_seconds: float) -> list[Image]:
        """Remove images that no stage has used for so long, and what killed builds have left.

        Returns the removed ones.
        """
        removed = []
        before = time.time() - unused_seconds
        for image in self.images():
            if image.used <= before:
                with contextlib.suppress(ImageInUse):
                    self.remove(image.digest)
                    removed.append(image)
        if self.partial.is_dir():
            for left in list(self.partial.iterdir()):
                digest = left.name.partition(".")[0]
                if _DIGEST.fullmatch(digest):
                    with (
                        contextlib.suppress(ImageInUse),
                        self._hold(digest, fcntl.LOCK_EX | fcntl.LOCK_NB),
                    ):
                        shutil.rmtree(left, ignore_errors=True)
        return removed

    @contextlib.contextmanager
    def building(self, digest: str) -> Iterator[Path]:
        """An empty folder to build an image in, while no other process builds or uses it."""
        with self._hold(digest, fcntl.LOCK_EX):
            folder = self.partial / digest
            # Whoever made it has been killed: its lock was free.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def add(self, folder: Path, tree: Tree, lock: Lock, lock_text: str, name: str) -> Image:
        """Keep what was built in a folder of `building`. Raises OSError."""
        entries = tree.entries
        image = Image(
            digest=lock.digest,
            tree=tree_digest(entries),
            machine=lock.machine,
            root=tree.root,
            bytes=sum(each.size for each in entries.values()),
            files=len(entries),
            name=name,
            environment=dict(lock.environment),
            path=lock.path,
        )
        listing = {place: asdict(entry) for place, entry in entries.items()}
        (folder / "files.json").write_text(json.dumps(listing))
        (folder / "lock.json").write_text(lock_text)
        self._record(folder, image, stat_digest(tree.root))
        _write(folder / "checked.json", {"boot": _boot(), "at": time.time(), "uses": 0})
        final = self._folder(lock.digest)
        self._discard(lock.digest)
        folder.rename(final)
        return replace(image, root=final / "tree", used=time.time())

    def _check(self, image: Image, *, whole: bool) -> None:
        folder = self._folder(image.digest)
        try:
            self._compare(image, folder, whole=whole)
        except DamagedImage as error:
            _replace(folder / "damaged", str(error))
            raise

    def _compare(self, image: Image, folder: Path, *, whole: bool) -> None:
        record = _read(folder / "image.json")
        checked = _read(folder / "checked.json")
        uses, at = checked.get("uses"), checked.get("at")
        if not isinstance(uses, int) or not isinstance(at, int | float):
            uses, at = 0, 0.0
        uses += 1
        seen = stat_digest(image.root)
        whole = whole or (
            seen != record.get("stat")
            or checked.get("boot") != _boot()
            or uses > WHOLE_CHECK_USES
            or abs(time.time() - at) > WHOLE_CHECK_SECONDS
        )
        if whole:
            listing = _listing(folder / "files.json")
            if tree_digest(listing) != image.tree:
                raise DamagedImage(
                    f"{folder / 'files.json'}: has changed since the image was built"
                )
            check_content(image.root, listing)
            # The same bytes on another disk, for instance.
            if seen != record.get("stat"):
                self._record(folder, image, stat_digest(image.root))
            checked, uses = {"boot": _boot(), "at": time.time()}, 0
        _write(folder / "checked.json", {**checked, "uses": uses})

    def _record(self, folder: Path, image: Image, seen: str) -> None:
        record = {**asdict(image), "stat": seen}
        del record["root"], record["used"]
        _write(folder / "image.json", record)

    def _discard(self, digest: str) -> None:
        """Remove the folder of an image, so that a killed remover leaves no half of it."""
        folder = self._folder(digest)
        if folder.exists():
            self.partial.mkdir(parents=True, exist_ok=True)
            away = self.partial / f"{digest}.{os.getpid()}.{time.time_ns()}"
            folder.rename(away)
            shutil.rmtree(away)

    def _folder(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise NoSuchImage(f"{digest!r} is not the digest of an image")
        return self.folder / digest

    def _folders(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (each for each in self.folder.iterdir() if _DIGEST.fullmatch(each.name))

    @contextlib.contextmanager
    def _hold(self, digest: str, how: int) -> Iterator[None]:
        """Lock an image. Raises ImageInUse when it must not wait and would have to."""
        self._folder(digest)
        # Not filelock: its locks are for one holder, and many stages share an image.
        locks = self.folder / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / digest).open("ab") as file:
            try:
                fcntl.flock(file, how)
            except BlockingIOError as error:
                raise ImageInUse(
                    f"the image {digest} is in use by a stage, or is being built: try again later"
                ) from error
            yield


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise DamagedImage(f"{path}: is not JSON") from error
    if not isinstance(value, dict):
        raise DamagedImage(f"{path}: is not an object")
    return value


def _listing(path: Path) -> dict[str, Entry]:
    try:
        return {place: Entry(**entry) for place, entry in _read(path).items()}
    except TypeError as error:
        raise DamagedImage(f"{path}: has changed since the image was built") from error


def _write(path: Path, value: Mapping[str, Any]) -> None:
    _replace(path, json.dumps(value, sort_keys=True))


def _replace(path: Path, text: str) -> None:
    """Replace a small file as a whole; several users of an image may do so at once."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{time.time_ns()}")
    temporary.write_text(text)
    temporary.replace(path)
