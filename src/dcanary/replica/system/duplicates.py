"""Deduplication of transactions that carry their time of creation (ICRC-1, "Transaction
deduplication")."""

from __future__ import annotations

from typing import Any

SECOND = 1_000_000_000
WINDOW = 24 * 3600 * SECOND
DRIFT = 120 * SECOND
"""How far, in nanoseconds, the clock of a client may be ahead."""


class NotNew(Exception):
    """The transaction is not executed; `variant` is the error to answer with."""

    def __init__(self, variant: dict[str, Any]) -> None:
        super().__init__(next(iter(variant)))
        self.variant = variant


def check(state: dict[Any, Any], now: int, created: int | None, key: bytes) -> None:
    """Raises NotNew when a transaction is too old, from the future or known already.

    Transactions without a time of creation are always new.
    """
    if created is None:
        return
    if created < now - WINDOW - DRIFT:
        raise NotNew({"TooOld": None})
    if created > now + DRIFT:
        raise NotNew({"CreatedInFuture": {"ledger_time": now}})
    known = state.get("recent", {}).get(key)
    if known is not None:
        raise NotNew({"Duplicate": {"duplicate_of": known[1]}})


def remember(
    state: dict[Any, Any], now: int, created: int | None, key: bytes, block: int, made: bytes = b""
) -> None:
    """Note an executed transaction (`made`: what it created), and forget those out of date."""
    if created is None:
        return
    recent = state.setdefault("recent", {})
    for old in [name for name, (when, *_) in recent.items() if when < now - WINDOW - DRIFT]:
        del recent[old]
    recent[key] = [created, block, made]


def made_by(state: dict[Any, Any], key: bytes) -> bytes:
    """What an earlier transaction created."""
    made: bytes = state["recent"][key][2]
    return made
