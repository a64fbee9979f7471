"""A value of a JSON, YAML or TOML file, with the line that it stands on.

Asking a value for what it is not gives nothing instead of an error: files of strangers hold
anything, and what cannot be understood is left out of the facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_DEPTH = 64
"""Levels of lists and mappings in each other."""


class ReadingError(Exception):
    """A file that is not what its name says. `line` is counted from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Value:
    """One value. `inner` is None, a truth value, a number, text, a list or a dict of values."""

    inner: object
    line: int

    def get(self, *keys: str) -> Value | None:
        """What stands below the keys, or None."""
        here: Value | None = self
        for key in keys:
            if here is None or not isinstance(here.inner, dict):
                return None
            here = here.inner.get(key)
        return here

    def items(self) -> Iterator[tuple[str, Value]]:
        """Keys and values of a mapping; nothing for anything else."""
        if isinstance(self.inner, dict):
            yield from self.inner.items()

    def entries(self) -> Iterator[Value]:
        """Entries of a list; nothing for anything else."""
        if isinstance(self.inner, list):
            yield from self.inner

    def text(self, *keys: str) -> str:
        """The text below the keys, or the empty text."""
        found = self.get(*keys)
        return found.inner if found is not None and isinstance(found.inner, str) else ""

    def texts(self, *keys: str) -> tuple[str, ...]:
        """A text, or the texts of a list, below the keys."""
        found = self.get(*keys)
        if found is None:
            return ()
        if isinstance(found.inner, str):
            return (found.inner,) if found.inner else ()
        return tuple(entry.inner for entry in found.entries() if isinstance(entry.inner, str))

    def keys(self, *keys: str) -> tuple[str, ...]:
        """The keys of the mapping below the keys."""
        found = self.get(*keys)
        return tuple(key for key, _ in found.items()) if found is not None else ()
