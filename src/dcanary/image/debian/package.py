"""Reading `.deb` files: an `ar` archive of a version, control data, and the files as a tar file.

No script of a package is run, and `dpkg` is not needed.
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

import zstandard

from dcanary.image.debian.fields import parse_paragraphs
from dcanary.image.errors import PackageProblem
from dcanary.image.tree import Tree
from dcanary.tar_headers import BoundedTarInfo

_AR_MAGIC = b"!<arch>\n"
_AR_END = b"`\n"
_HEADER_BYTES = 60
_MAX_CONTROL_BYTES = 16 * 1024 * 1024
_DAMAGED = (
    # ValueError: of tarfile, for numbers of a PAX header that it does not check.
    *(EOFError, OSError, ValueError),
    *(lzma.LZMAError, tarfile.TarError, zlib.error, zstandard.ZstdError),
)


def read_control(file: BinaryIO, owner: str) -> dict[str, str]:
    """The control fields of a package. Raises PackageProblem."""
    with _member(file, "control.tar", owner) as archive:
        for member in _members(archive, owner):
            if member.name.removeprefix("./") == "control" and member.isreg():
                if member.size > _MAX_CONTROL_BYTES:
                    break
                content = cast(IO[bytes], archive.extractfile(member)).read()
                try:
                    return next(iter(parse_paragraphs(content.decode())), {})
                except (ValueError, UnicodeDecodeError) as error:
                    raise PackageProblem(f"{owner}: control is no list of fields") from error
    raise PackageProblem(f"{owner}: there is no control file: the package is damaged")


def unpack(file: BinaryIO, owner: str, tree: Tree) -> None:
    """Unpack the files of a package. Raises PackageProblem and OSError."""
    with _member(file, "data.tar", owner) as archive:
        for member in _members(archive, owner):
            name = member.name
            if member.isdir():
                tree.folder(name, owner)
            elif member.isreg():
                content = cast(BinaryIO, archive.extractfile(member))
                executable = bool(member.mode & 0o111)
                tree.file(name, owner, content, size=member.size, executable=executable)
            elif member.issym():
                tree.link(name, owner, member.linkname)
            elif member.islnk():
                tree.hard_link(name, owner, member.linkname)
            else:
                raise PackageProblem(
                    f"{owner}: {name} is a device or pipe, which images have not: leave the "
                    "package out"
                )


def _members(archive: tarfile.TarFile, owner: str) -> Iterator[tarfile.TarInfo]:
    with _said_as_damage(owner):
        yield from archive


@contextmanager
def _member(file: BinaryIO, prefix: str, owner: str) -> Iterator[tarfile.TarFile]:
    """The tar file in the first member of the `ar` archive whose name begins with `prefix`."""
    file.seek(0)
    if file.read(len(_AR_MAGIC)) != _AR_MAGIC:
        raise PackageProblem(f"{owner}: this is no .deb file")
    while header := file.read(_HEADER_BYTES):
        if len(header) != _HEADER_BYTES or header[58:] != _AR_END:
            break
        name = header[:16].decode("ascii", "replace").strip().rstrip("/")
        digits = header[48:58].strip()
        if not digits.isdigit():
            break
        size = int(digits)
        if name.startswith(prefix):
            part = io.BufferedReader(_Part(file, size), 1 << 16)
            with (
                _said_as_damage(owner),
                _decompressed(part, name, owner) as plain,
                tarfile.open(
                    fileobj=plain, mode="r|", errorlevel=2, tarinfo=BoundedTarInfo
                ) as archive,
            ):
                yield archive
                _read_to_end(plain)
            return
        file.seek(size + size % 2, io.SEEK_CUR)
    raise PackageProblem(f"{owner}: there is no {prefix}: the package is damaged or cut off")


@contextmanager
def _decompressed(part: BinaryIO, name: str, owner: str) -> Iterator[IO[bytes]]:
    kind = name.rpartition(".")[2]
    if kind == "xz":
        with lzma.open(part) as plain:
            yield cast(IO[bytes], plain)
    elif kind == "gz":
        with gzip.open(part) as plain:
            yield cast(IO[bytes], plain)
    elif kind == "zst":
        with zstandard.ZstdDecompressor().stream_reader(part) as plain:
            yield cast(IO[bytes], plain)
    elif kind == "tar":
        yield part
    else:
        raise PackageProblem(f"{owner}: {name} is compressed in a way that is not supported")


def _read_to_end(stream: IO[bytes]) -> None:
    """Read what pads an archive: its checksum is at the end."""
    while stream.read(1 << 16):
        pass


@contextmanager
def _said_as_damage(owner: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # Trouble of this machine, such as a full disk.
        raise PackageProblem(f"{owner}: the package is damaged or cut off: {error}") from error


class _Part(io.RawIOBase):
    """`size` bytes of a file from where it is. Raises EOFError when there are fewer."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # RawIOBase says object for a buffer
        count = min(len(view), self._left)
        if count == 0:
            return 0
        content = self._file.read(count)
        if not content:
            raise EOFError("the file ends early")
        view[: len(content)] = content
        self._left -= len(content)
        return len(content)
