"""A full disk, said as such: of which folder, and what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from dcanary.objects import NoRoom

# The last is a limit on the size of files that the process was started with.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Raises NoRoom in place of the OSError that a full disk gives while a folder is written."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise NoRoom(
            f"no room on the disk of {folder} ({error.strerror}): free some, then try again; what "
            "was downloaded is kept"
        ) from error
