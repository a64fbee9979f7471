"""One command at a time changes an installation: its file, its canisters, their modules."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dcanary.client.errors import ConfigError

if TYPE_CHECKING:  # Imported by what waits: most commands do not.
    import filelock

LOCK = "installation.lock"
HOLDER = "installation.lock.json"
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Holder:
    """The command that changes the installation now."""

    command: str
    pid: int

    def __str__(self) -> str:
        return f"`dcanary {self.command}` (pid {self.pid})"


def holder(home: Path) -> Holder | None:
    """Who changes the installation in `home`; None when nobody does."""
    import psutil

    try:
        record = json.loads((home / HOLDER).read_text())
        found = Holder(str(record["command"]), int(record["pid"]))
        alive = psutil.Process(found.pid).create_time() == record["started"]
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return found if alive else None


@contextmanager
def changing(home: Path, command: str, progress: Callable[[str], None]) -> Iterator[None]:
    """Keep other commands from changing the installation in `home` until the block ends.

    Another one that does is waited for, and `progress` is told which: what it does is then found
    done. The lock is the operating system's, so it ends with its process however that ends. A
    block inside another one of the same process does not wait. Raises ConfigError when the folder
    cannot be written.
    """
    import filelock

    lock = _lock(home)
    outermost = not lock.is_locked
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        known = holder(home)
        progress(f"waiting: {known or 'another command'} changes this installation")
        lock.acquire(poll_interval=POLL_SECONDS)
    try:
        if outermost:
            _tell(home, command)
        yield
    finally:
        if outermost:
            (home / HOLDER).unlink(missing_ok=True)
        lock.release()


def _lock(home: Path) -> filelock.BaseFileLock:
    import filelock

    try:
        home.mkdir(parents=True, exist_ok=True)
        path = home.resolve() / LOCK
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigError(
            f"the folder {home} cannot be used: {error.strerror}",
            "make it writable, or choose another with --home",
        ) from None
    return filelock.FileLock(path, mode=0o600, thread_local=False, is_singleton=True)


def _tell(home: Path, command: str) -> None:
    import psutil

    pid = os.getpid()
    record = {"command": command, "pid": pid, "started": psutil.Process(pid).create_time()}
    temporary = home / f".{HOLDER}.{pid}"
    temporary.write_text(json.dumps(record))
    temporary.replace(home / HOLDER)
