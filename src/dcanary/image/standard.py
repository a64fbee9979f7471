"""The images that DCanary ships as specification and lock."""

from __future__ import annotations

from pathlib import Path

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


def _file(name: str, ending: str) -> Path | None:
    file = _FOLDER / f"{name}.{ending}"
    return file if file.parent == _FOLDER and "/" not in name and file.is_file() else None
