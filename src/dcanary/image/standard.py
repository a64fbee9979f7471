"""The images that DCanary ships as specification and lock."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from dcanary.image.lock import Lock, read_lock

_FOLDER = Path(__file__).parent / "standard_images"


def standard_names() -> list[str]:
    """Names of the standard images."""
    return sorted(file.stem for file in _FOLDER.glob("*.lock"))


def standard_lock(name: str) -> Path | None:
    """The lock file of a standard image; None for a name that is none."""
    return _file(name, "lock")


def standard_spec(name: str) -> Path | None:
    """The specification of a standard image; None for a name that is none."""
    return _file(name, "yml")


@cache
def standard_locks() -> Mapping[str, Lock]:
    """The locks of all standard images, by name."""
    found = {name: standard_lock(name) for name in standard_names()}
    return {name: read_lock(file) for name, file in found.items() if file is not None}


def standard_name(digest: str) -> str | None:
    """The name of the standard image whose lock has this digest; None when none has it."""
    return next((name for name, lock in standard_locks().items() if lock.digest == digest), None)


def called(digest: str) -> str:
    """An image for people: its name if it has one, and the command that builds it."""
    name = standard_name(digest)
    if name is None:
        return f"{digest}: dcanary image build LOCK, with the lock file that has this digest"
    return f"{name}: dcanary image build {name}"


def _file(name: str, ending: str) -> Path | None:
    file = _FOLDER / f"{name}.{ending}"
    return file if file.parent == _FOLDER and "/" not in name and file.is_file() else None
