"""What a running network writes into its state folder, and the lock that says it runs."""

from __future__ import annotations

import fcntl
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

INFO_FILE = "network.json"
STARTING_FILE = "starting.json"
LOCK_FILE = "network.lock"
LOG_FILE = "network.log"
ENGINE_FOLDER = "engine"


class NetworkError(RuntimeError):
    """A network could not be started, found or stopped. The text says what to do."""


@dataclass(frozen=True, slots=True)
class RunningNetwork:
    """A network that listens."""

    port: int
    root_key: str
    """DER public key in hexadecimal (266 characters)."""
    pid: int
    url: str
    started: int
    """Seconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Starting:
    """A network that loads its state and executes the log after the last checkpoint again."""

    pid: int
    done: int
    """Inputs of the log executed again so far."""
    total: int
    """All of them; 0 while the checkpoint is loaded."""

    def __str__(self) -> str:
        if not self.total:
            return "loads its state"
        return f"replayed {self.done} of {self.total} inputs of the log"


def try_lock(state_dir: Path) -> IO[str] | None:
    """Take the folder's lock; None when a network holds it. The lock ends with its process, so
    a network that was killed leaves no lock behind. Close the file to release it."""
    file = (state_dir / LOCK_FILE).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def lock_soon(state_dir: Path) -> IO[str] | None:
    """`try_lock`, patient with those who hold the lock for a moment to see whether a network
    does."""
    for _ in range(10):
        lock = try_lock(state_dir)
        if lock is not None:
            return lock
        time.sleep(0.05)
    return None


def write_info(state_dir: Path, info: RunningNetwork) -> None:
    """Write `network.json` in one step."""
    _write(state_dir / INFO_FILE, asdict(info))


def write_starting(state_dir: Path, starting: Starting) -> None:
    """Write `starting.json` in one step. Raises OSError."""
    _write(state_dir / STARTING_FILE, asdict(starting))


def read_starting(state_dir: Path) -> Starting | None:
    """Content of `starting.json`, or None when there is none that can be read."""
    try:
        data = json.loads((state_dir / STARTING_FILE).read_text())
        return Starting(int(data["pid"]), int(data["done"]), int(data["total"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, data: dict[str, object]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(data, indent=1) + "\n")
    new.replace(path)


def read_info(state_dir: Path) -> RunningNetwork | None:
    """Content of `network.json`, or None when there is none that can be read."""
    try:
        data = json.loads((state_dir / INFO_FILE).read_text())
        return RunningNetwork(
            int(data["port"]),
            str(data["root_key"]),
            int(data["pid"]),
            str(data["url"]),
            int(data["started"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_info(state_dir: Path) -> None:
    """Remove `network.json` and `starting.json`."""
    (state_dir / INFO_FILE).unlink(missing_ok=True)
    (state_dir / STARTING_FILE).unlink(missing_ok=True)
