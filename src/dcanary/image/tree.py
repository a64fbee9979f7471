"""The file tree of an image while it is unpacked: nothing is written outside of it.

Packages come from strangers. Every path is resolved against an index of what has been unpacked,
with links read as in a root file system of their own, and never by the host's kernel: no link of a
package can lead a write elsewhere. Owners, times and modes are the same whoever unpacks: files are
0644 or 0755 (what is set-user-ID is not, inside the sandbox it has no effect), folders 0755, and
all are of 1980, the earliest year that a ZIP file can hold.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from dcanary.image.errors import PackageProblem

FOLDER, FILE, LINK = "d", "f", "l"
TIME = 315_532_800
MAX_BYTES = 16 * 1024**3
MAX_ENTRIES = 500_000
_CHUNK_BYTES = 1 << 20
_MAX_LINKS = 40
# Folders in each other; Debian's packages have some twenty. Removing a tree is recursive.
_MAX_DEPTH = 100
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@dataclass(frozen=True)
class Entry:
    """One path: `kind` is FOLDER, FILE or LINK; `owner` is the package that brought it.

    `content` is the sha256 of a file, or what a link holds.
    """

    kind: str
    owner: str
    content: str = ""
    executable: bool = False
    size: int = 0


class Replaces(Protocol):
    """Whether files of one package may take the place of another's."""

    def __call__(self, new: str, old: str) -> bool: ...


def _named(owner: str) -> str:
    """Who brings an entry, for messages."""
    return owner or "files and links of the lock"


def _never(new: str, old: str) -> bool:
    return False


class Tree:
    """An empty folder `root` that becomes the root of an image.

    Paths are given relative, with or without `./`. /bin, /lib and the like are links into /usr, as
    in Debian since 12, whatever packages hold.
    """

    def __init__(
        self, root: Path, exclude: tuple[str, ...] = (), replaces: Replaces = _never
    ) -> None:
        self.root, self._replaces = root, replaces
        self._exclude = tuple(each.lstrip("/") for each in exclude)
        self.entries: dict[str, Entry] = {}
        self._bytes = 0
        # Folders that were asked for, to where they are: most files are in one of the last.
        self._made: dict[tuple[str, ...], tuple[str, ...]] = {}
        for name in _MERGED:
            self._make_folder(("usr", name), "")
            self._write_link(name, f"usr/{name}", "")

    def folder(self, path: str, owner: str) -> None:
        """Make a folder, and those above it."""
        parts = self._parts(path, owner)
        if parts and not self._excluded(parts):
            self._make_folder(parts, owner)

    def file(
        self, path: str, owner: str, content: BinaryIO, *, size: int, executable: bool
    ) -> None:
        """Write a file of `size` bytes."""
        place = self._place(path, owner)
        if place is None:
            return
        self._bytes += size
        if self._bytes > MAX_BYTES:
            raise PackageProblem(f"{_named(owner)}: the image is larger than {MAX_BYTES} bytes")
        # Where something is already, which of both stays is known when the new one is hashed.
        fresh = place not in self.entries
        written = f"{self.root}/{place}" if fresh else f"{self.root}.new"
        digest = _write(written, content, size, f"{_named(owner)}: {path}", executable=executable)
        entry = Entry(FILE, owner, digest, executable, size)
        if fresh:
            self.entries[place] = entry
        elif self._takes(place, entry):
            self._remove(place)
            Path(written).rename(self.root / place)
            self.entries[place] = entry
        else:
            Path(written).unlink()

    def link(self, path: str, owner: str, target: str) -> None:
        """Make a symbolic link that holds `target`."""
        if not target or "\0" in target or len(target) > 4_096:
            raise PackageProblem(f"{_named(owner)}: {path} is a link to nowhere")
        parts = self._parts(path, owner)
        if len(parts) == 1 and parts[0] in _MERGED:
            return
        place = self._place(path, owner)
        if place is not None:
            entry = Entry(LINK, owner, target)
            if self._takes(place, entry):
                self._remove(place)
                self._write_link(place, target, owner)

    def hard_link(self, path: str, owner: str, target: str) -> None:
        """Make a second name of a file that the same package has brought."""
        # An excluded file has no names.
        if self._excluded(self._parts(target, owner)):
            return
        source = self.find(target, owner)
        if source is None or self.entries[source].kind != FILE:
            raise PackageProblem(
                f"{_named(owner)}: {path} is a hard link to {target}, which is no file"
            )
        place = self._place(path, owner)
        if place is not None and place != source:
            entry = self.entries[source]
            renamed = Entry(FILE, owner, entry.content, entry.executable, entry.size)
            if self._takes(place, renamed):
                self._remove(place)
                # A copy and no link: a change of one would be a change of both, and the number
                # of links would be seen inside.
                shutil.copy2(self.root / source, self.root / place)
                self.entries[place] = renamed

    def make_executable(self, place: str) -> None:
        """Let a file be run."""
        entry = self.entries[place]
        if entry.kind == FILE:
            (self.root / place).chmod(0o755)
            self.entries[place] = replace(entry, executable=True)

    def find(self, path: str, owner: str = "the image") -> str | None:
        """The place of what a path leads to when links are followed as inside; None for nothing."""
        place = "/".join(self._resolve(self._parts(path, owner), owner, 0, last=True))
        return place if place in self.entries else None

    def finish(self) -> None:
        """Give all files the same time. Called once, when all is unpacked."""
        stamp = (TIME, TIME)
        for place in self.entries:
            os.utime(self.root / place, stamp, follow_symlinks=False)
        os.utime(self.root, stamp)

    def _place(self, path: str, owner: str) -> str | None:
        """Where a file or link goes, its folder made; None for what is excluded."""
        parts = self._parts(path, owner)
        if not parts:
            raise PackageProblem(f"{_named(owner)}: the root of the image is no folder")
        if self._excluded(parts):
            return None
        folder = self._make_folder(parts[:-1], owner)
        if len(self.entries) > MAX_ENTRIES:
            raise PackageProblem(f"{_named(owner)}: the image has more than {MAX_ENTRIES} files")
        return "/".join((*folder, parts[-1]))

    def _takes(self, place: str, new: Entry) -> bool:
        """Whether a new entry takes a place. Raises PackageProblem when two packages want it."""
        old = self.entries.get(place)
        if old is not None and old.kind != FOLDER and not new.owner:
            return True  # What the specification says comes after all packages.
        if old is None or old.owner == new.owner:
            if old is not None and old.kind == FOLDER:
                raise PackageProblem(f"{_named(new.owner)}: {place} is a folder and a file")
            return True
        if old.kind == FOLDER:
            raise PackageProblem(
                f"{_named(new.owner)}: {place} is a folder of {old.owner or 'the image'} already"
            )
        if (old.kind, old.content) == (new.kind, new.content):
            return False
        # Which one is unpacked first must not matter.
        if self._replaces(new.owner, old.owner):
            return True
        if self._replaces(old.owner, new.owner):
            return False
        raise PackageProblem(
            f"{place} is in {old.owner or 'the image'} and in {new.owner}, with different content: "
            "leave one of them out of the image"
        )

    def _remove(self, place: str) -> None:
        if self.entries.pop(place, None) is not None:
            (self.root / place).unlink()

    def _write_link(self, place: str, target: str, owner: str) -> None:
        (self.root / place).symlink_to(target)
        self.entries[place] = Entry(LINK, owner, target)
        self._made.clear()

    def _make_folder(self, parts: tuple[str, ...], owner: str) -> tuple[str, ...]:
        """Make a folder and those above it; its place, with the links on the way followed."""
        if known := self._made.get(parts):
            return known
        made: tuple[str, ...] = ()
        for part in parts:
            made = self._resolve((*made, part), owner, 0, last=True)
            place = "/".join(made)
            found = self.entries.get(place)
            if len(made) > _MAX_DEPTH:
                raise PackageProblem(f"{_named(owner)}: {place[:80]}… is too long a path")
            if not made or (found is not None and found.kind == FOLDER):
                continue
            if found is not None:
                raise PackageProblem(
                    f"{_named(owner)}: {place} is a folder, and a file of "
                    f"{found.owner or 'the image'}"
                )
            if "/".join(made[:-1]) not in self.entries and len(made) > 1:
                self._make_folder(made[:-1], owner)
            try:
                (self.root / place).mkdir(mode=0o755)
                (self.root / place).chmod(0o755)
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    raise PackageProblem(
                        f"{_named(owner)}: the path {place[:80]}… is too long"
                    ) from error
                raise
            self.entries[place] = Entry(FOLDER, owner)
        self._made[parts] = made
        return made

    def _resolve(
        self, parts: tuple[str, ...], owner: str, depth: int, *, last: bool
    ) -> tuple[str, ...]:
        """Follow links in the index, the last part's too with `last`. `..` stops at the root."""
        if depth > _MAX_LINKS:
            raise PackageProblem(
                f"{_named(owner)}: {'/'.join(parts)} leads through a circle of links"
            )
        at: tuple[str, ...] = ()
        for number, part in enumerate(parts):
            if part == "..":
                at = at[:-1]
                continue
            at = (*at, part)
            entry = self.entries.get("/".join(at))
            rest = parts[number + 1 :]
            if entry is not None and entry.kind == LINK and (rest or last):
                base = () if entry.content.startswith("/") else at[:-1]
                target = tuple(each for each in entry.content.split("/") if each not in ("", "."))
                return self._resolve((*base, *target, *rest), owner, depth + 1, last=last)
        return at

    def _excluded(self, parts: tuple[str, ...]) -> bool:
        path = "/".join(parts)
        return any(path == each or path.startswith(each + "/") for each in self._exclude)

    @staticmethod
    def _parts(path: str, owner: str) -> tuple[str, ...]:
        """The parts of a path of a package. Raises PackageProblem for one that leads outside."""
        if path.startswith("/"):
            raise PackageProblem(f"{_named(owner)}: {path} is an absolute path")
        parts = tuple(each for each in path.split("/") if each not in ("", "."))
        if ".." in parts or "\0" in path:
            raise PackageProblem(f"{_named(owner)}: {path} leads out of its folder")
        return parts


def _write(path: str, content: BinaryIO, size: int, what: str, *, executable: bool) -> str:
    """Write `size` bytes to a new file; their sha256. Raises PackageProblem and OSError."""
    hashed, left = hashlib.sha256(), size
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise PackageProblem(f"{what[:200]}… is too long a path") from error
        raise
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        while left:
            chunk = content.read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise PackageProblem(f"{what} ends early: the package is damaged")
            hashed.update(chunk)
            left -= len(chunk)
            rest = memoryview(chunk)
            while rest:
                rest = rest[file.write(rest) :]
        # Whatever the umask is.
        os.fchmod(file.fileno(), 0o755 if executable else 0o644)
    return hashed.hexdigest()


def tree_digest(entries: Mapping[str, Entry]) -> str:
    """Hexadecimal sha256 over the sorted paths with kind, mode, and content or link target."""
    digest = hashlib.sha256(b"dcanary-image-tree-v1\0")
    for place in sorted(entries, key=os.fsencode):
        entry = entries[place]
        mode = {FOLDER: "755", LINK: "777"}.get(entry.kind, "755" if entry.executable else "644")
        content = "" if entry.kind == FOLDER else entry.content
        digest.update(os.fsencode(f"{place}\0{entry.kind}\0{mode}\0{content}\0"))
    return digest.hexdigest()
