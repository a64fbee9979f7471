"""The read-only files that the interpreter sees while a canister is being built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol


class Mount(Protocol):
    """A folder of the guest's file tree."""

    def read(self, path: str) -> bytes | None:
        """Return a file by its path below the mount, None when there is none."""

    def is_folder(self, path: str) -> bool:
        """Tell whether that is a folder ("" is the mount itself)."""

    def names(self, path: str) -> list[str]:
        """Return the sorted names in a folder."""


class Fixed:
    """Files given as bytes."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._folders: dict[str, set[str]] = {"": set()}
        for name in files:
            path = PurePosixPath(name)
            while path.name:
                parent = "" if path.parent == PurePosixPath(".") else str(path.parent)
                self._folders.setdefault(parent, set()).add(path.name)
                path = path.parent

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)

    def is_folder(self, path: str) -> bool:
        return path in self._folders

    def names(self, path: str) -> list[str]:
        return sorted(self._folders[path])


@dataclass
class Sources:
    """Python sources of a folder of this machine, seen as compiled files.

    The file `a/b.pyc` exists when `a/b.py` does; `a/.folder` exists when `a` is a folder without
    `__init__.py` (a namespace package). Nothing is ever listed. `used` collects what was read.
    """

    root: Path
    compile: Callable[[str, bytes], bytes]
    used: dict[str, bytes] = field(default_factory=dict)
    _compiled: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        if path.endswith("/.folder"):
            folder = self.root / path.removesuffix("/.folder")
            plain = folder.is_dir() and not (folder / "__init__.py").exists()
            return b"" if plain else None
        if not path.endswith(".pyc"):
            return None
        if path not in self._compiled:
            name = path[:-1]
            file = self.root / name
            if not file.is_file():
                return None
            source = file.read_bytes()
            self._compiled[path] = self.compile(name, source)
            self.used[name] = source
        return self._compiled[path]

    def is_folder(self, path: str) -> bool:
        return (self.root / path).is_dir()

    def names(self, path: str) -> list[str]:
        return []


class Tree:
    """Mounts by their absolute path, for example "/python"."""

    def __init__(self, mounts: Mapping[str, Mount]) -> None:
        self._mounts = {f"{name}/": mount for name, mount in mounts.items()}

    def read(self, path: str) -> bytes | None:
        """Return a file by its absolute path, None when there is none."""
        mount, rest = self._find(path)
        return mount.read(rest) if mount is not None and rest else None

    def is_folder(self, path: str) -> bool:
        """Tell whether an absolute path names a folder."""
        mount, rest = self._find(path)
        return path == "/" if mount is None else mount.is_folder(rest)

    def names(self, path: str) -> list[str]:
        """Return the sorted names in a folder."""
        mount, rest = self._find(path)
        if mount is None:
            return sorted(name.strip("/") for name in self._mounts)
        return mount.names(rest)

    def _find(self, path: str) -> tuple[Mount | None, str]:
        for prefix, mount in self._mounts.items():
            if f"{path}/".startswith(prefix):
                return mount, path[len(prefix) :]
        return None, path
