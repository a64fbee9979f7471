"""Files in folders that others can write in: a folder or a pipe may stand in place of a file."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path
from typing import BinaryIO


def is_regular(path: Path) -> bool:
    """Whether a file is there: no folder, link, pipe or socket."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def discard(path: Path) -> None:
    """Remove what is at a path, whatever it is, if anything is. Raises OSError."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()


def make_way(path: Path) -> None:
    """Make the folder for a file, and remove what a file cannot take the place of.

    Raises OSError.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISDIR(path.parent.stat().st_mode):
            path.parent.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not is_regular(path):
        discard(path)


def open_unwaiting(path: Path) -> BinaryIO:
    """Open a file for reading. A pipe is read as empty, where another `open` would wait for ever.

    Raises OSError.
    """
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
