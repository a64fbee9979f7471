"""A folder of a stranger, read within bounds: nothing in it is run, nothing outside it is read.

What cannot be read becomes a note. Folders that tools fill (`node_modules`, `target`, …) and hidden
ones are left out: they are not part of what is committed, or say nothing about the project.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from dcanary.project.facts import Note, Place
from dcanary.project.ignored import ignored_by_git
from dcanary.project.reading.values import ReadingError, Value

MAX_FILES = 20_000
MAX_DEPTH = 12
MAX_FILE_BYTES = 1024 * 1024
SKIPPED = frozenset({"node_modules", "target", "__pycache__", "venv"})


class Folder:
    """The files below `root`, by paths with `/`, sorted. `notes` grows as files are read."""

    def __init__(self, root: Path) -> None:
        """Walk the tree. Raises OSError when the folder itself cannot be listed."""
        self.root = root.resolve()
        self.notes: list[Note] = []
        self._texts: dict[str, str | None] = {}
        self._nodes: dict[str, Value | None] = {}
        os.scandir(self.root).close()
        self.files: tuple[str, ...] = tuple(sorted(self._committed(self._walk())))
        self._known = frozenset(self.files)
        self._folders = frozenset(
            parent.as_posix() for name in self.files for parent in PurePosixPath(name).parents
        )

    def note(self, file: str, text: str, line: int = 1) -> None:
        """Remember what could not be read; the same is said once."""
        found = Note(Place(file, line), text)
        if found not in self.notes:
            self.notes.append(found)

    def has(self, name: str) -> bool:
        """Whether a file is there (in the folder, a regular file)."""
        return name in self._known

    def has_folder(self, name: str) -> bool:
        """Whether a folder with at least one file is there."""
        return name in self._folders

    def named(self, name: str) -> list[str]:
        """Every file of that name, those nearest to the root first."""
        found = [one for one in self.files if PurePosixPath(one).name == name]
        return sorted(found, key=lambda one: (one.count("/"), one))

    def below(self, folder: str) -> list[str]:
        """Every file below a folder; `.` is the root."""
        return [one for one in self.files if folder == "." or one.startswith(f"{folder}/")]

    def hidden(self, name: str, most: int) -> list[str]:
        """Names of the folders in one that is not walked; none when it is not there."""
        try:
            with os.scandir(self.root / name) as entries:
                listed = [
                    one.name
                    for one, _ in zip(entries, range(most), strict=False)
                    if _is_text(one.name) and self._is_folder(one)
                ]
        except OSError:
            return []
        return sorted(listed)

    def has_hidden(self, name: str) -> bool:
        """Whether a file is there below a folder that is not walked."""
        try:
            place = (self.root / name).resolve()
            return place.is_relative_to(self.root) and place.is_file()
        except (OSError, RuntimeError, ValueError):
            return False

    def text(self, name: str) -> str | None:
        """The text of a file; None, and a note, when it cannot be read."""
        if name not in self._texts:
            self._texts[name] = self._read(name)
        return self._texts[name]

    def values(self, name: str, read: Callable[[str], Value]) -> Value | None:
        """The values of a file by a reader of its format; None, and a note, when it has none."""
        if name not in self._nodes:
            text = self.text(name)
            self._nodes[name] = None
            if text is not None:
                try:
                    self._nodes[name] = read(text)
                except ReadingError as error:
                    self.note(name, str(error), error.line)
        return self._nodes[name]

    def _committed(self, found: list[str]) -> list[str]:
        """The files without those that Git ignores, which is noted."""
        ignored = ignored_by_git(self.root)
        files = frozenset(one for one in ignored if not one.endswith("/"))
        folders = frozenset(one.rstrip("/") for one in ignored if one.endswith("/"))
        left = [
            name
            for name in found
            if name not in files
            and not any(parent.as_posix() in folders for parent in PurePosixPath(name).parents)
        ]
        out = sorted(set(found).difference(left))
        if out:
            more = f", like {len(out) - 1} more" if len(out) > 1 else ""
            self.note(out[0], f"Git ignores it{more}, so no commit has it: left out")
        return left

    def _walk(self) -> list[str]:
        found: list[str] = []
        # Level by level: what is near the root is found even where the bound is met.
        waiting = deque([("", 0)])
        while waiting:
            folder, depth = waiting.popleft()
            try:
                with os.scandir(self.root / folder) as entries:
                    listed = sorted(entries, key=lambda one: one.name)
            except OSError as error:
                self.note(folder or ".", f"cannot be listed: {error.strerror}")
                continue
            for entry in listed:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if not _is_text(entry.name):
                    self.note(folder or ".", "holds a file whose name is not UTF-8: left out")
                elif self._is_folder(entry):
                    if entry.name.startswith(".") or entry.name in SKIPPED:
                        continue
                    if depth >= MAX_DEPTH:
                        self.note(name, f"deeper than {MAX_DEPTH} folders: not looked at")
                    else:
                        waiting.append((name, depth + 1))
                elif self._is_file(entry, name):
                    if len(found) >= MAX_FILES:
                        self.note(".", f"more than {MAX_FILES} files: the others are not looked at")
                        return found
                    found.append(name)
        return found

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir(follow_symlinks=False)
        except OSError:
            return False

    def _is_file(self, entry: os.DirEntry[str], name: str) -> bool:
        try:
            if not entry.is_symlink():
                return entry.is_file(follow_symlinks=False)
            target = Path(entry.path).resolve()
            if not target.is_relative_to(self.root):
                self.note(name, "a link that leads out of the folder: not followed")
                return False
            return target.is_file()
        except (OSError, RuntimeError, ValueError):
            self.note(name, "a link that leads nowhere")
            return False

    def _read(self, name: str) -> str | None:
        try:
            # Not to wait for a writer, should the file have become a pipe since it was listed.
            number = os.open((self.root / name).resolve(), os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(number, "rb") as stream:
                if not stat.S_ISREG(os.fstat(number).st_mode):
                    self.note(name, "not a regular file")
                    return None
                content = stream.read(MAX_FILE_BYTES + 1)
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            self.note(name, f"cannot be read: {reason}")
            return None
        if len(content) > MAX_FILE_BYTES:
            self.note(name, f"larger than {MAX_FILE_BYTES} bytes: not read")
            return None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.note(name, "not UTF-8: not read", line)
            return None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def inside(name: str, base: str = ".") -> str:
    """A path that a file in the folder `base` names, relative to the root, without `.` and `..`.

    Empty for a path that leads out of the root, is absolute, or is no path.
    """
    if not name or "\0" in name or name.startswith(("/", "\\")):
        return ""
    parts: list[str] = [] if base in (".", "") else base.split("/")
    for part in name.split("/"):
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "."


def parent(name: str) -> str:
    """The folder of a file; `.` is the root."""
    return PurePosixPath(name).parent.as_posix()
