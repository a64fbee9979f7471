"""Lock files of a folder on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from dcanary.fetch.pinned import MAX_LOCK_BYTES, ReadFile


def reading_folder(folder: Path) -> ReadFile:
    """Reads files below a folder, of a large one the beginning; never through a link that leads out
    of it."""
    root = folder.resolve()

    def read(name: str) -> bytes | None:
        path = Path(os.path.realpath(root / name))
        try:
            if not (path.is_relative_to(root) and path.is_file()):
                return None
            with path.open("rb") as file:
                return file.read(MAX_LOCK_BYTES + 1)
        except OSError:
            return None

    return read
