"""The bytes of a file that is being downloaded: kept after a kill, and gone on with."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import BinaryIO

from dcanary.download.model import Digest
from dcanary.download.room import room_in
from dcanary.file_places import make_way, open_unwaiting

_KEPT_SECONDS = 7 * 24 * 3600


class Partial:
    """A file that one process or thread at a time holds, for the length of a `with` block.

    `size` bytes are there.
    """

    def __init__(self, folder: Path, digest: Digest) -> None:
        self._path = folder / f"{digest.algorithm}-{digest.hex}"
        self._descriptor = -1

    def __enter__(self) -> Partial:
        while True:
            # Also what stands there and is no file; to go on with that cannot succeed.
            make_way(self._path)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            # Whoever held it may have removed it meanwhile.
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(self._descriptor), self._path.stat()):
                    return self
            os.close(self._descriptor)

    def __exit__(self, *_: object) -> None:
        # Nothing to go on with: another waits for it, or nobody.
        if not self.size:
            self.remove()
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def reading(self) -> BinaryIO:
        """The bytes that are there, from the first."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return os.fdopen(os.dup(self._descriptor), "rb")

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end. Raises NoRoom and OSError."""
        os.lseek(self._descriptor, 0, os.SEEK_END)
        with room_in(self._path.parent):
            while chunk:
                chunk = chunk[os.write(self._descriptor, chunk) :]

    def clear(self) -> None:
        """Begin again with no bytes."""
        os.ftruncate(self._descriptor, 0)

    def remove(self) -> None:
        """Remove the file: it is complete, or of no use."""
        self._path.unlink(missing_ok=True)


def remove_old(folder: Path) -> None:
    """Remove the files of a folder that nobody has gone on with for a week."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError), open_unwaiting(path) as file:
            if time.time() - os.fstat(file.fileno()).st_mtime > _KEPT_SECONDS:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
