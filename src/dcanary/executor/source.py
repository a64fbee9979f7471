"""A source tree as one canonical tar file: the same commit and inputs give the same bytes.

Entries are sorted, owned by nobody, and carry the commit's time, so that nothing of the machine
that made it (order of a folder, clock, umask, user) can reach a build.
"""

import io
import os
import tarfile
import tempfile
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

FILE, PROGRAM, LINK = "100644", "100755", "120000"
_SHOWN_CHARS = 80
# NAME_MAX and PATH_MAX (with the NUL at its end) of Linux: no file system could hold more.
_MAX_NAME_BYTES = 255
_MAX_TARGET_BYTES = 4_095


class SourceError(Exception):
    """The source of a job cannot be had. Which kind says what follows from it."""


class SourceFailure(SourceError):
    """The commit is such that no executor can build it. The text is the same for all of them.

    It is attested to, so that operators agree on it: no path of this machine, no time, no address
    and no words of another program may be in it. `about` says what of the commit it is.
    """

    about = "source"


class SourceUnavailable(SourceError):
    """A server, the network or this machine's disk does not do its part now."""


class SourceUnable(SourceError):
    """This executor is not made for this source: another one may be."""


class Content(Protocol):
    """Bytes of one file of the tree."""

    @property
    def size(self) -> int: ...

    def open(self) -> BinaryIO:
        """A new stream over the bytes, which the caller closes."""
        ...


@dataclass(frozen=True)
class OnDisk:
    """Content of a file that nothing changes or removes while it is used."""

    path: Path
    size: int

    def open(self) -> BinaryIO:
        return self.path.open("rb")


class Spool:
    """A file without a name, on the disk of `folder`, that lasts as long as its contents are used.

    Written at its end only. Raises OSError.
    """

    def __init__(self, folder: Path) -> None:
        self.descriptor, name = tempfile.mkstemp(dir=folder)
        weakref.finalize(self, os.close, self.descriptor)
        Path(name).unlink()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Add bytes."""
        while chunk:
            written = os.write(self.descriptor, chunk)
            self.size += written
            chunk = chunk[written:]


@dataclass(frozen=True)
class Stored:
    """Content in a part of a spool."""

    spool: Spool
    offset: int
    size: int

    def open(self) -> BinaryIO:
        return io.BufferedReader(_Part(self.spool.descriptor, self.offset, self.size))


class _Part(io.RawIOBase):
    """A part of an open file, read without moving the position that others share."""

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self._descriptor, self._offset, self._left = descriptor, offset, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = os.pread(self._descriptor, min(len(buffer), self._left), self._offset)
        buffer[: len(chunk)] = chunk
        self._offset += len(chunk)
        self._left -= len(chunk)
        return len(chunk)


@dataclass(frozen=True)
class Entry:
    """One file of the tree. `mode` is Git's; the content of a LINK is where it points to."""

    path: str
    mode: str
    content: Content

    def read(self) -> bytes:
        """All of the content."""
        with self.content.open() as stream:
            return stream.read()


def write_source(entries: Iterable[Entry], commit_time: int, into: Path) -> None:
    """Write the tar file. Of two entries with one path, the later one counts.

    Raises SourceFailure for a path that is not below the tree or that lies behind a link.
    """
    chosen = {entry.path: entry for entry in entries}
    links = {path for path, entry in chosen.items() if entry.mode == LINK}
    folders: set[str] = set()
    for path in chosen:
        check_path(path)
        parents = _parents(path)
        if links & parents or chosen.keys() & parents:
            raise SourceFailure(f"{shown(path)} lies behind something that is no folder")
        folders |= parents
    with tarfile.open(
        into, "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for folder in [".", *sorted(folders)]:
            archive.addfile(_info(folder, tarfile.DIRTYPE, 0o755, commit_time))
        for path in sorted(chosen):
            _add(archive, chosen[path], commit_time)


def check_path(path: str) -> None:
    """Raises SourceFailure unless the path is a plain one below the tree and outside `.git`."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\0" in path:
        raise SourceFailure(f"the tree holds a path that is refused: {shown(path)}")
    if any(len(part.encode(errors="surrogateescape")) > _MAX_NAME_BYTES for part in parts):
        raise SourceFailure(f"a name of more than {_MAX_NAME_BYTES} bytes is in {shown(path)}")


def check_link(path: str, size: int) -> None:
    """Raises SourceFailure for a link that no file system can hold, by the bytes of its target."""
    if not 0 < size <= _MAX_TARGET_BYTES:
        raise SourceFailure(
            f"the link {shown(path)} has a target of {size} bytes: 1 to {_MAX_TARGET_BYTES}"
        )


def shown(path: str) -> str:
    """A path for a reason that is attested to: short, printable, the same on every machine."""
    text = ascii(path)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _parents(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:count]) for count in range(1, len(parts))}


def _add(archive: tarfile.TarFile, entry: Entry, commit_time: int) -> None:
    if entry.mode == LINK:
        info = _info(entry.path, tarfile.SYMTYPE, 0o777, commit_time)
        # Before it is read: a link is written from memory, and may have as many bytes as a file.
        check_link(entry.path, entry.content.size)
        target = entry.read()
        if b"\0" in target:
            raise SourceFailure(f"the link {shown(entry.path)} has a NUL in its target")
        info.linkname = target.decode("utf-8", "surrogateescape")
        archive.addfile(info)
        return
    mode = 0o755 if entry.mode == PROGRAM else 0o644
    info = _info(entry.path, tarfile.REGTYPE, mode, commit_time)
    info.size = entry.content.size
    with entry.content.open() as stream:
        archive.addfile(info, stream)


def _info(path: str, kind: bytes, mode: int, commit_time: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.mtime = kind, mode, commit_time
    return info
