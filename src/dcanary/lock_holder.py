"""Which process holds a lock file (flock), whatever version of DCanary it is of.

The kernel knows, so no note of the process is needed: notes of earlier versions say less or
something else, and a note may be lost.
"""

import fcntl
import os
from pathlib import Path

_LOCKS = Path("/proc/locks")


def is_held(lock: Path) -> bool:
    """Whether a process has locked the file for itself. A file that is not there is held by none.

    Raises OSError when the file cannot be read.
    """
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def holder(lock: Path) -> int | None:
    """Process id of whoever has locked the file for itself; None when nobody has, or none is told.

    A process of another user, or of another container that shares the folder, may not be told.
    """
    try:
        number = lock.stat().st_ino
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        # `1: FLOCK  ADVISORY  WRITE 2508 00:28:55 0 EOF`; one that waits has `->` after the colon.
        fields = line.split()
        if fields[1:2] != ["FLOCK"] or fields[3] != "WRITE" or int(fields[4]) <= 0:
            continue
        # Not by the device that is written there: overlay and btrfs give files another one.
        if fields[5].rpartition(":")[2] == str(number) and _has_open(int(fields[4]), lock):
            return int(fields[4])
    return None


def _has_open(pid: int, path: Path) -> bool:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            return any(_is_same(Path(entry.path), path) for entry in entries)
    except OSError:
        return False


def _is_same(link: Path, path: Path) -> bool:
    try:
        return link.samefile(path)
    except OSError:
        return False  # Closed since, or no file.
