"""A folder of files named by the sha256 of their bytes: what was downloaded is kept once.

Several processes and threads may use one folder. What is in it is never believed: an object is
hashed again each time it is opened, and one whose bytes have changed is removed and reported. A
file that a killed process was writing is removed by the next one that writes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import stat
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from dcanary.file_places import discard, is_regular, make_way, open_unwaiting

_CHUNK_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
# The whole folder is measured after so many objects, because other processes put some there too.
_MEASURE_EVERY = 256
# Removal goes on to below the bound, so that not every object that is put removes another.
_LOW_PERCENT = 90
# Between making an empty file and locking it, a writer takes far less.
_UNLOCKED_SECONDS = 600
_NO_FILE = "is no file"


class ObjectError(Exception):
    """An object could not be kept or found. The message says which, where and what to do."""


class MissingObject(ObjectError):
    """The folder does not hold the object, or no more: get it again."""


class PoisonedObject(ObjectError):
    """The bytes of an object had changed; the object has been removed: get it again."""


class WrongDigest(ObjectError):
    """The bytes given are not those that were expected. Nothing was kept."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"the sha256 is {actual}, expected {expected}")
        self.expected, self.actual = expected, actual


class ObjectTooLarge(ObjectError):
    """The bytes given are more than were allowed. Nothing was kept."""


class NoRoom(ObjectError):
    """The disk has no room for the object. Nothing was kept."""


@dataclass(frozen=True)
class Object:
    """One kept file: sha256 in hexadecimal, bytes, and where it is."""

    digest: str
    size: int
    path: Path


class Readable(Protocol):
    """A stream of bytes; `read` returns none at its end."""

    def read(self, size: int, /) -> bytes: ...


class ObjectStore:
    """The objects in `folder`, at most `max_bytes` of them: the least recently used go first."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._objects, self._partial = folder / "sha256", folder / "partial"
        self._bytes = 0
        self._until_measure = 0
        self._threads = threading.Lock()

    def path(self, digest: str) -> Path:
        """Where an object is or would be. Raises ValueError for what is no sha256."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError(
                f"{digest!r} is not a sha256 of 64 hexadecimal digits in small letters"
            )
        return self._objects / digest[:2] / digest[2:]

    def has(self, digest: str) -> bool:
        """Whether an object is there; `open` says whether it is sound."""
        return is_regular(self.path(digest))

    def put(
        self, stream: Readable | Iterable[bytes], *, sha256: str | None, max_bytes: int
    ) -> Object:
        """Keep the bytes of a stream; `sha256` is what they must be, None for whatever they are.

        Raises WrongDigest, ObjectTooLarge for more than `max_bytes` bytes, NoRoom, OSError, and
        what the stream raises. Nothing is kept then.
        """
        bound = min(max_bytes, self._max_bytes)
        if sha256 is not None:
            self.path(sha256)
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
            self._remove_abandoned()
            with self._temporary() as (file, temporary):
                digest, size = _copy(stream, file, bound)
                if sha256 is not None and digest != sha256:
                    raise WrongDigest(sha256, digest)
                os.fchmod(file.fileno(), 0o444)
                file.flush()
                os.fsync(file.fileno())
                path = self.path(digest)
                make_way(path)
                temporary.replace(path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoom(
                    f"no room on the disk of {self._folder}: free some, or remove what is kept "
                    "there, then try again"
                ) from error
            raise
        self._bound(size, digest)
        return Object(digest, size, path)

    def open(self, digest: str) -> BufferedReader:
        """An object whose bytes have just been hashed, for reading from the beginning.

        Raises MissingObject, and PoisonedObject for one that has changed, which is then removed.
        """
        path = self.path(digest)
        try:
            # Without O_NONBLOCK a pipe would be waited for without end.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(path, flags)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                raise MissingObject(f"{digest} is not in {self._folder}") from error
            # ENXIO is what a socket gives.
            if error.errno not in (errno.ELOOP, errno.ENXIO):
                raise
            self._remove_poisoned(digest, "is a link" if error.errno == errno.ELOOP else _NO_FILE)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            self._remove_poisoned(digest, _NO_FILE)
        file = os.fdopen(descriptor, "rb")
        try:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
            if actual != digest:
                self._remove_poisoned(digest, f"has the sha256 {actual}")
            file.seek(0)
        except BaseException:
            file.close()
            raise
        # The time of the last use, by which objects are removed. A folder that cannot be written
        # keeps the old one.
        with contextlib.suppress(OSError):
            os.utime(path)
        return file

    def remove(self, digest: str) -> None:
        """Remove an object, if it is there. Who has it open keeps reading it."""
        discard(self.path(digest))

    def collect_garbage(self, keep: set[str]) -> int:
        """Remove all objects but those of `keep`, and partial ones; returns the bytes freed."""
        freed = 0
        with self._locked():
            freed += self._remove_abandoned()
            for entry in list(self._all()):
                if entry.digest not in keep:
                    discard(entry.path)
                    freed += entry.size
        return freed

    def size(self) -> int:
        """Bytes of all objects."""
        return sum(entry.size for entry in self._all())

    def _bound(self, added: int, newest: str) -> None:
        """Remove the least recently used objects when there are too many bytes; never `newest`."""
        with self._threads:
            self._bytes += added
            self._until_measure -= 1
            if self._bytes <= self._max_bytes and self._until_measure > 0:
                return
        with self._locked():
            entries = sorted(self._all(), key=lambda each: each.used_ns)
            total = sum(entry.size for entry in entries)
            if total > self._max_bytes:
                for entry in entries:
                    if total <= self._max_bytes * _LOW_PERCENT // 100:
                        break
                    if entry.digest != newest:
                        discard(entry.path)
                        total -= entry.size
            self._bytes, self._until_measure = total, _MEASURE_EVERY

    def _all(self) -> Iterator[_Entry]:
        for folder in self._objects.glob("[0-9a-f][0-9a-f]"):
            with contextlib.suppress(OSError), os.scandir(folder) as found:
                for each in found:
                    # Another process may remove it now.
                    with contextlib.suppress(OSError):
                        info = each.stat(follow_symlinks=False)
                        digest = folder.name + each.name
                        yield _Entry(digest, Path(each.path), info.st_size, info.st_mtime_ns)

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A new file that is locked as long as its writer lives; gone unless it was renamed."""
        descriptor, name = tempfile.mkstemp(dir=self._partial)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file, path
        finally:
            path.unlink(missing_ok=True)

    def _remove_abandoned(self) -> int:
        """Remove the files of writers that do not live any more; returns their bytes."""
        freed = 0
        for path in self._partial.glob("*"):
            with contextlib.suppress(OSError), open_unwaiting(path) as file:
                info = os.fstat(file.fileno())
                # A writer that has made its file and not locked it yet has written nothing.
                if info.st_size or time.time() - info.st_mtime > _UNLOCKED_SECONDS:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # Between the listing and the lock it may have become an object.
                    path.unlink(missing_ok=True)
                    freed += info.st_size
        return freed

    def _remove_poisoned(self, digest: str, how: str) -> None:
        path = self.path(digest)
        discard(path)
        raise PoisonedObject(
            f"{path} {how}: its bytes were changed after they were checked. It was removed; the "
            "next use gets it again. Find out who can write there"
        )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # Here and not above: what only looks needs no lock.
        import filelock

        self._folder.mkdir(parents=True, exist_ok=True)
        with self._threads, filelock.FileLock(self._folder / "lock"):
            yield


@dataclass(frozen=True)
class _Entry:
    digest: str
    path: Path
    size: int
    used_ns: int


def _copy(stream: Readable | Iterable[bytes], file: BinaryIO, bound: int) -> tuple[str, int]:
    """Copy a stream; its sha256 and size. Raises ObjectTooLarge."""
    hashed, size = hashlib.sha256(), 0
    for chunk in _chunks(stream):
        size += len(chunk)
        if size > bound:
            raise ObjectTooLarge(f"there are more than the {bound} bytes that are allowed")
        hashed.update(chunk)
        file.write(chunk)
    return hashed.hexdigest(), size


def _chunks(stream: Readable | Iterable[bytes]) -> Iterable[bytes]:
    if hasattr(stream, "read"):
        reading = cast(Readable, stream)
        return iter(lambda: reading.read(_CHUNK_BYTES), b"")
    return stream
