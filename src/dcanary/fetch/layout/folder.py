"""A folder that is the same on every machine: what is written, and the manifest of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dcanary.fetch.pinned import Pinned, shown
from dcanary.objects import Readable

MAX_FILES = 500_000
MAX_BYTES = 8 << 30
_CHUNK_BYTES = 1 << 20
FILE_MODE, PROGRAM_MODE, FOLDER_MODE = 0o644, 0o755, 0o755


class LayoutError(Exception):
    """A dependency cannot be laid out: it is not what its kind promises, or too large.

    The text is the same on every machine: commits fail by it. `detail`, such as the words of a
    library, is for people.
    """

    def __init__(self, said: str, detail: str = "") -> None:
        super().__init__(said)
        self.detail = detail

    @property
    def in_full(self) -> str:
        """The text with its detail."""
        return f"{self}: {self.detail}" if self.detail else str(self)


@dataclass(frozen=True, order=True)
class Entry:
    """A file: its path below the folder, whether it is a program, bytes, sha256."""

    path: str
    executable: bool
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """All files of a folder, sorted by path."""

    entries: tuple[Entry, ...]

    @property
    def digest(self) -> str:
        """sha256, in hexadecimal, of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def text(self) -> str:
        """A line `sha256 size x|- path` a file."""
        return "".join(
            f"{each.sha256} {each.size} {'x' if each.executable else '-'} {each.path}\n"
            for each in self.entries
        )

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.entries)


class Folder:
    """Writes into `root`, which must be empty; paths are relative, with slashes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._entries: dict[str, Entry] = {}
        self._bytes = 0

    def has(self, path: str) -> bool:
        """Whether a file has been written."""
        return path in self._entries

    def add(
        self,
        path: str,
        content: Readable | bytes,
        executable: bool = False,
        *,
        of: Pinned | None = None,
    ) -> Entry:
        """Write a file. Errors name the dependency that it is of, if it is of one.

        Raises LayoutError for a path that is there or leads out, and OSError.
        """
        try:
            return self._add(path, content, executable)
        except LayoutError as error:
            raise LayoutError(f"{dependency(of)}: {error}" if of else str(error)) from error

    def _add(self, path: str, content: Readable | bytes, executable: bool) -> Entry:
        _check_path(path)
        if path in self._entries:
            raise LayoutError(f"{path} is there twice, with different contents or origins")
        if len(self._entries) >= MAX_FILES:
            raise LayoutError(f"there are more than {MAX_FILES} files")
        place = self._root / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            file = place.open("xb")
        except (FileExistsError, NotADirectoryError) as error:
            raise LayoutError(f"{path} is there as a file and as a folder") from error
        hashed, size = hashlib.sha256(), 0
        with file:
            for chunk in _chunks(content):
                size += len(chunk)
                if self._bytes + size > MAX_BYTES:
                    raise LayoutError(f"there are more than {MAX_BYTES} bytes")
                hashed.update(chunk)
                file.write(chunk)
        self._bytes += size
        entry = Entry(path, executable, size, hashed.hexdigest())
        self._entries[path] = entry
        return entry

    def finish(self) -> Manifest:
        """The manifest. Modes and times become those that they have on every machine."""
        for folder, folders, files in os.walk(self._root, topdown=False):
            for name in files:
                path = Path(folder, name)
                entry = self._entries[path.relative_to(self._root).as_posix()]
                path.chmod(PROGRAM_MODE if entry.executable else FILE_MODE)
                os.utime(path, (0, 0))
            for name in folders:
                path = Path(folder, name)
                path.chmod(FOLDER_MODE)
                os.utime(path, (0, 0))
        self._root.chmod(FOLDER_MODE)
        os.utime(self._root, (0, 0))
        return Manifest(tuple(sorted(self._entries.values())))


def dependency(pin: Pinned) -> str:
    """A dependency and the line that pins it, for messages."""
    return f"{pin.where}: {shown(f'{pin.name} {pin.version}'.strip())}"


def read_manifest(root: Path) -> Manifest:
    """The manifest of a folder as it is now, every byte of it read.

    Raises LayoutError for what no layout writes, such as a link, and OSError.
    """
    entries = []
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            shown = path.relative_to(root).as_posix()
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise LayoutError(f"{shown} is neither a file nor a folder")
            if path.is_file():
                with path.open("rb") as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                info = path.stat()
                entries.append(Entry(shown, bool(info.st_mode & 0o100), info.st_size, sha256))
    return Manifest(tuple(sorted(entries)))


def _check_path(path: str) -> None:
    # First, because what is not printable cannot always be encoded: tar files hold any bytes.
    if not path.isprintable() or "\\" in path or len(path.encode()) > 1024:
        raise LayoutError(f"{_shown(path)} has characters that no path here may have, or too many")
    parts = path.split("/")
    if any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts):
        raise LayoutError(f"{_shown(path)} is no normalised relative path")


def _shown(path: str) -> str:
    return ascii(path[:200])


def _chunks(content: Readable | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    while chunk := content.read(_CHUNK_BYTES):
        yield chunk
