"""Debian's order of versions (deb-version(7)), and the relations in dependencies."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import total_ordering

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


@total_ordering
class Version:
    """One version, comparable with others."""

    def __init__(self, text: str) -> None:
        epoch, colon, rest = text.partition(":")
        if not colon:
            epoch, rest = "0", text
        upstream, dash, revision = rest.rpartition("-")
        if not dash:
            upstream, revision = rest, ""
        if not epoch.isdigit():
            raise ValueError(f"{text!r} is not a version of Debian")
        self._key = (int(epoch), _key(upstream), _key(revision or "0"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)


_RELATIONS: dict[str, Callable[[Version, Version], bool]] = {
    "<<": Version.__lt__,
    "<=": lambda a, b: a <= b,
    "=": Version.__eq__,
    ">=": lambda a, b: a >= b,
    ">>": lambda a, b: a > b,
}


def satisfies(version: str, relation: str, wanted: str) -> bool:
    """Whether a version is as a dependency wants it. Raises ValueError for unknown relations."""
    if relation not in _RELATIONS:
        raise ValueError(f"{relation!r} is not a relation between versions")
    return _RELATIONS[relation](Version(version), Version(wanted))


def _key(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Texts and numbers in turn: `~` sorts before the end, letters before all else."""
    parts = [
        ((*(_order(each) for each in letters), 0), int(digits or 0))
        for letters, digits in _PARTS.findall(text)
    ]
    return tuple(parts)


def _order(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
