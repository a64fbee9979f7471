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
    a network that was killed leaves no lock behind. Close the file to release it. Raises
    NetworkError when there is no such file and none can be made."""
    path = state_dir / LOCK_FILE
    try:
        file = path.open("a+")
    except OSError as error:
        raise NetworkError(_unusable(path, error)) from error
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
    """Remove `network.json` and `starting.json`. Raises NetworkError when that cannot be done."""
    for path in (state_dir / INFO_FILE, state_dir / STARTING_FILE):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise NetworkError(_unusable(path, error)) from error


def _unusable(path: Path, error: OSError) -> str:
    why = "it is a folder" if path.is_dir() else error.strerror or error
    return (
        f"{path} cannot be used ({why}). It holds nothing of the network's state: remove it, or "
        "make it writable, and start again"
    )


def make_folder(state_dir: Path) -> None:
    """Make the folder of a network unless it is there. Raises NetworkError."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "it is not a folder" if state_dir.exists() else error.strerror or error
        raise NetworkError(
            f"{state_dir}, the folder of the network, cannot be used ({why}): move away what "
            "stands there, or restore the folder from a copy"
        ) from error


def open_log(state_dir: Path) -> IO[bytes]:
    """The file for a network's messages, to append to. Raises NetworkError."""
    path = state_dir / LOG_FILE
    try:
        return path.open("ab")
    except OSError as error:
        raise NetworkError(_unusable(path, error)) from error
