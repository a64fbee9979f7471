"""What the files of a folder show of a state that is not all there any more."""

from __future__ import annotations

from pathlib import Path

from ..certification.keys import SEED_FILE, seed_file
from .files import ENGINE_FOLDER
from .last_port import LAST_PORT_FILE

_TRACES = (SEED_FILE, LAST_PORT_FILE)
"""Files that are written when the first checkpoint is on the disk, and not before."""


def traces(state_dir: Path) -> list[str]:
    """Names of the files that show that the folder has held a network's state."""
    return [name for name in _TRACES if (state_dir / name).exists()]


def empty(state_dir: Path) -> bool:
    """Whether nothing in the folder shows that it holds, or has held, a network's state."""
    return not traces(state_dir) and not any((state_dir / ENGINE_FOLDER).glob("checkpoints/[0-9]*"))


def missing(state_dir: Path, checkpoint: int) -> str | None:
    """What is missing, and what shows that it was there; None when nothing is.

    `checkpoint` is the number of the newest one, 0 when there is none.
    """
    engine = state_dir / ENGINE_FOLDER
    if checkpoint:
        seed = seed_file(state_dir)
        return None if seed.exists() else f"{seed} is missing, but {engine} holds a network's state"
    shown = traces(state_dir)
    if not shown:
        return None
    what = "holds no checkpoint" if engine.is_dir() else "is missing"
    if engine.exists() and not engine.is_dir():
        what = "is not a folder"
    verb = "shows" if len(shown) == 1 else "show"
    return f"{engine} {what}, but {' and '.join(shown)} {verb} that there was a network's state"
