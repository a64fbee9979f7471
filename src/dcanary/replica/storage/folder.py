"""Paths of a state folder, and what is moved or removed in it.

lock                     held while an engine has the folder open
blobs/<sha256>           modules, chunks, snapshot images
checkpoints/<n>/         manifest, state.cbor, <canister>.heap, <canister>.stable
log/<n>                  inputs after checkpoint n
damaged/<time>/          what was kept aside when a loss was accepted
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

from dcanary.replica.engine.blobs import Blobs
from dcanary.replica.state.errors import EngineError
from dcanary.replica.storage import manifest
from dcanary.replica.storage.damage import Damaged
from dcanary.replica.storage.frames import HEAD_SIZE
from dcanary.replica.storage.manifest import Manifest


class Folder:
    """One state folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = root / "lock"
        self.blobs = root / "blobs"
        self.checkpoints = root / "checkpoints"
        self.logs = root / "log"
        self.damaged = root / "damaged"

    def create(self) -> None:
        """Make the folders; safe to repeat. Raises OSError."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.blobs, self.checkpoints, self.logs):
            folder.mkdir(exist_ok=True)
        for leftover in self.checkpoints.glob("new-*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def newest(self) -> int:
        """Number of the newest checkpoint, 0 when there is none."""
        if not self.checkpoints.is_dir():
            return 0
        return max((number for number, _ in _numbered(self.checkpoints)), default=0)

    def checkpoint(self, number: int) -> Path:
        return self.checkpoints / f"{number:08d}"

    def partial(self, number: int) -> Path:
        """Where a checkpoint is written before it counts."""
        return self.checkpoints / f"new-{number:08d}"

    def log(self, number: int) -> Path:
        return self.logs / f"{number:08d}"

    def manifest(self, number: int) -> Manifest | None:
        """None for a checkpoint of format 1. Raises `Damaged`."""
        path = self.checkpoint(number) / manifest.NAME
        return manifest.read(path, number) if path.exists() else None

    def check_empty(self) -> None:
        """Raises `Damaged` when a folder without a checkpoint holds what only follows one."""
        inputs = self.logs.is_dir() and any(
            path.stat().st_size > HEAD_SIZE for _, path in _numbered(self.logs)
        )
        if inputs or (self.blobs.is_dir() and any(self.blobs.iterdir())):
            raise Damaged(self.checkpoints, None, "the checkpoint is missing")

    def check_blob(self, digest: bytes, blobs: Blobs) -> None:
        """Raises `Damaged` when a blob is missing or another."""
        path = self.blobs / digest.hex()
        try:
            blobs.get(digest)
        except KeyError:
            raise Damaged(path, None, "it is missing") from None
        except ValueError:
            raise Damaged(path, None, "its content has another sha256 than its name") from None
        except OSError as error:
            raise Damaged(path, None, f"it cannot be read ({error.strerror or error})") from error

    def clean(self, number: int) -> None:
        """Remove all checkpoints and logs but those of this number."""
        for found, path in _numbered(self.checkpoints):
            if found != number:
                shutil.rmtree(path, ignore_errors=True)
        for found, path in _numbered(self.logs):
            if found != number:
                with contextlib.suppress(IsADirectoryError, PermissionError):  # None of ours.
                    path.unlink(missing_ok=True)

    def misplaced(self) -> list[Path]:
        """Files that stand where a folder of the state belongs."""
        wanted = (self.blobs, self.checkpoints, self.logs)
        return [path for path in wanted if path.exists() and not path.is_dir()]

    def keep_copy(self, path: Path) -> Path | None:
        """Copy a damaged file into `damaged/`, or move what is no file there; returns where it is,
        None when there is nothing. Raises OSError."""
        if not path.exists():
            return None
        kept = aside(self.damaged)
        copy = kept / f"{path.parent.name}-{path.name}"
        if path.is_file():
            shutil.copy2(path, copy)
        else:
            path.rename(copy)
        return kept

    def move(self, path: Path) -> Path:
        """Move what is damaged into `damaged/`; returns the folder there. Raises OSError."""
        kept = aside(self.damaged)
        path.rename(kept / path.name)
        return kept

    def set_aside(self) -> Path:
        """Move the whole state into `damaged/`, begin anew, return where it is. Raises OSError."""
        kept = aside(self.damaged)
        for folder in (self.blobs, self.checkpoints, self.logs):
            if folder.exists():
                folder.rename(kept / folder.name)
        self.create()
        return kept


def aside(damaged: Path) -> Path:
    """A new folder of this moment, in which what is damaged is kept. Raises OSError."""
    name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for number in range(1_000):
        path = damaged / (f"{name}-{number}" if number else name)
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise OSError(f"there is no name left in {damaged}")


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    return [(int(path.name), path) for path in folder.iterdir() if path.name.isdecimal()]


def flush_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def lock(path: Path) -> int:
    """Take the lock of a state folder; returns the file to close. Raises `EngineError`."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EngineError(
            f"{path} cannot be opened ({error.strerror or error}): it holds nothing but the lock; "
            "if it is not a file of yours, remove it and start again"
        ) from error
    if sys.platform == "win32":
        return fd
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise EngineError(
            f"the state folder {path.parent} is in use by another replica; stop that one first"
        ) from None
    return fd
