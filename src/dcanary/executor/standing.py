"""Which process runs on an executor's folder, and how far it has come, for whoever started it.

A note beside the lock, because a lock does not name its holder. The process that is named may have
ended since (kill -9): `owner` compares the times at which the processes began.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

# starting: holds the lock; preparing: makes what its runtimes need, for minutes; denied: the
# canister takes no offer of it; troubled: the network does not answer as it should; announced: its
# first offer is known to the canister.
Phase = Literal["starting", "preparing", "denied", "troubled", "announced"]

_FILE = "standing.json"


@dataclass(frozen=True)
class Standing:
    """`started` in seconds since 1970, as the system counts; `said` is why it is not further,
    or what it prepares.
    """

    pid: int
    started: float
    phase: Phase
    said: str = ""


def note(folder: Path, phase: Phase, said: str = "") -> None:
    """Write how far this process has come. A folder that cannot be written is no reason to end."""
    standing = Standing(os.getpid(), psutil.Process().create_time(), phase, said)
    temporary = folder / f"{_FILE}.new"
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(asdict(standing)) + "\n")
        temporary.replace(folder / _FILE)


def forget(folder: Path) -> None:
    """Remove the note at the end of the process."""
    with contextlib.suppress(OSError):
        (folder / _FILE).unlink()


def owner(folder: Path) -> Standing | None:
    """The process that runs on the folder now, None when none is known to."""
    try:
        found = Standing(**json.loads((folder / _FILE).read_text()))
        process = psutil.Process(found.pid)
        alive = process.status() != psutil.STATUS_ZOMBIE
        return found if alive and process.create_time() == found.started else None
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
