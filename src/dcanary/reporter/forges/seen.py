"""A status as a forge shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """`state` is the forge's own word, `context` its name for the context."""

    context: str
    state: str
    description: str


@dataclass(frozen=True)
class Page:
    """Statuses, the newest of a context first; `next_url` is where more are, "" on the last."""

    items: list[Seen]
    next_url: str = ""
