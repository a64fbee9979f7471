"""Several folders of dependencies as one, for a stage that depends on several fetch stages.

The tools take one folder each: npm has one cache, Cargo one configuration. To mount a folder for
each fetch stage would leave it to the commands to choose between them.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from dcanary.fetch.layout.folder import FOLDER_MODE, LayoutError


def merge(folders: Sequence[tuple[str, Path]], into: Path) -> None:
    """Make `into` of the files of named folders, by links where the file system has them.

    Raises LayoutError when two bring different files at one path, and OSError.
    """
    into.mkdir()
    origin: dict[str, str] = {}
    for name, root in folders:
        for folder, inner, files in os.walk(root):
            relative = Path(folder).relative_to(root)
            for each in inner:
                (into / relative / each).mkdir(exist_ok=True)
            for each in sorted(files):
                path = (relative / each).as_posix()
                if path in origin:
                    _check_same(path, origin[path], name, into, root)
                else:
                    origin[path] = name
                    _link(root / path, into / path)
    for folder, _, _ in os.walk(into, topdown=False):
        Path(folder).chmod(FOLDER_MODE)
        os.utime(folder, (0, 0))


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
            raise
        shutil.copy2(source, place)


def _check_same(path: str, first: str, second: str, into: Path, root: Path) -> None:
    here, there = into / path, root / path
    same_mode = here.stat().st_mode == there.stat().st_mode
    if not (same_mode and here.read_bytes() == there.read_bytes()):
        raise LayoutError(f"the fetch stages {first} and {second} bring {path}, but not the same")
