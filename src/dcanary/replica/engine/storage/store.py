"""The state folder: which checkpoint and log count, and how a new checkpoint replaces them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dcanary.replica.engine.core import Core
from dcanary.replica.engine.errors import EngineFault
from dcanary.replica.engine.state import Subnet
from dcanary.replica.engine.storage import checkpoint
from dcanary.replica.engine.storage.log import Log


class Storage:
    """One state folder, locked against other engines."""

    def __init__(self, folder: Path, fsync: bool) -> None:
        self._fsync = fsync
        self._checkpoints = folder / "checkpoints"
        self._logs = folder / "log"
        self.blobs_folder = folder / "blobs"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._checkpoints.mkdir(exist_ok=True)
            self._logs.mkdir(exist_ok=True)
        except OSError as error:
            raise EngineFault(f"the state folder {folder} cannot be used: {error}") from error
        self._lock = _lock(folder / "lock")
        self._log: Log | None = None
        self._number = self._newest()
        for leftover in self._checkpoints.glob("new-*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _newest(self) -> int:
        numbers = [int(path.name) for path in self._checkpoints.iterdir() if path.name.isdecimal()]
        return max(numbers, default=0)

    def _folder(self, number: int) -> Path:
        return self._checkpoints / f"{number:08d}"

    @property
    def log_size(self) -> int:
        """Bytes of log since the last checkpoint."""
        return self._log.size if self._log else 0

    def load(self, core: Core) -> Subnet | None:
        """State of the newest checkpoint; None in a new folder. Raises `EngineFault`."""
        if self._number == 0:
            return None
        return checkpoint.read(self._folder(self._number), core)

    def replay(self) -> Iterator[Any]:
        """The inputs after the newest checkpoint. Raises `EngineFault` when they are damaged."""
        if self._number == 0:
            return
        self._log = Log(self._log_path(self._number), self._fsync)
        yield from self._log.replay()

    def begin_appending(self, core: Core) -> None:
        """Be ready for `append`; a new folder gets its first checkpoint."""
        if self._number == 0:
            self.checkpoint(core)
        else:
            self._clean(core)

    def append(self, entry: Any) -> None:
        """Write an input to the log. Raises `EngineFault`."""
        assert self._log is not None
        self._log.append(entry)

    def _log_path(self, number: int) -> Path:
        return self._logs / f"{number:08d}"

    def checkpoint(self, core: Core) -> None:
        """Write a checkpoint and begin a new log. Raises `EngineFault`; the old ones then count
        on."""
        if self._number and self.log_size == 0:
            return
        number = self._number + 1
        partial = self._checkpoints / f"new-{number:08d}"
        previous = self._folder(self._number) if self._number else None
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            checkpoint.write(partial, previous, core)
            self._log_path(number).unlink(missing_ok=True)
            log = Log(self._log_path(number), self._fsync)
            if self._fsync:
                os.sync()
            partial.rename(self._folder(number))
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise EngineFault(f"writing a checkpoint failed: {error}") from error
        if self._log is not None:
            self._log.close()
        self._log = log
        self._number = number
        checkpoint.mark_saved(core)
        self._clean(core)

    def _clean(self, core: Core) -> None:
        """Remove older checkpoints and logs, and blobs nothing refers to."""
        for path in self._checkpoints.iterdir():
            if path.name.isdecimal() and int(path.name) != self._number:
                shutil.rmtree(path, ignore_errors=True)
        for path in self._logs.iterdir():
            if path.name.isdecimal() and int(path.name) != self._number:
                path.unlink(missing_ok=True)
        core.blobs.retain(_used_blobs(core))

    def close(self) -> None:
        """Release the folder. Idempotent."""
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _used_blobs(core: Core) -> set[bytes]:
    used: set[bytes] = set()
    for canister in core.subnet.canisters.values():
        used.add(canister.module)
        used.update(canister.chunks)
        for snapshot in canister.snapshots.values():
            used.update((snapshot.module, snapshot.heap, snapshot.stable, *snapshot.chunks))
    return used


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if sys.platform == "win32":
        return fd
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise EngineFault(
            f"the state folder {path.parent} is in use by another replica; stop that one first"
        ) from None
    return fd
