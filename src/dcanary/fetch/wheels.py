"""Which of a package's files pip would take on the target machine."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from dcanary.fetch.pinned import Target

# The names that manylinux had before it was called by the version of glibc.
_OLD_NAMES = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}


class Wheels:
    """The choice for one target. The machine that chooses has no part in it."""

    def __init__(self, target: Target) -> None:
        version, tag = target.python, f"cp{target.python[0]}{target.python[1]}"
        platforms = _platforms(target)
        ordered = [
            *cpython_tags(version, platforms=platforms),
            *compatible_tags(version, tag, platforms),
        ]
        self._rank: dict[Tag, int] = {}
        for rank, each in enumerate(ordered):
            self._rank.setdefault(each, rank)

    def best(self, files: Iterable[str]) -> str | None:
        """The wheel that fits best, else a source archive; None when no file fits."""
        wheels = [(rank, each) for each in files if (rank := self._rank_of(each)) is not None]
        return min(wheels)[1] if wheels else None

    def _rank_of(self, file: str) -> tuple[int, int, str] | None:
        """Smaller is better; None for what does not fit."""
        try:
            _, _, build, tags = parse_wheel_filename(file)
            ranks = [self._rank[each] for each in tags if each in self._rank]
            # Of wheels for the same tags pip takes the highest build number.
            number = -build[0] if build else 0
            return (min(ranks), number, file) if ranks else None
        except InvalidWheelFilename:
            pass
        try:
            parse_sdist_filename(file)
        except InvalidSdistFilename:
            return None
        return (len(self._rank), 0, file)


def _platforms(target: Target) -> list[str]:
    oldest = 5 if target.machine == "x86_64" else 17
    major, newest = target.glibc
    found = []
    for minor in range(newest, oldest - 1, -1):
        found.append(f"manylinux_{major}_{minor}_{target.machine}")
        if (major, minor) in _OLD_NAMES:
            found.append(f"{_OLD_NAMES[major, minor]}_{target.machine}")
    return [*found, f"linux_{target.machine}"]


def environment(target: Target) -> dict[str, str]:
    """The variables of environment markers on the target machine."""
    python = ".".join(map(str, target.python))
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": target.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
        "extra": "",
    }
