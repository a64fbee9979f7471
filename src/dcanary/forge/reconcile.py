"""Which moves of a ref have no delivery yet: worked out from where the ref stands. Pure functions.

A ref that is at C, and whose deliveries tell of the moves 0 -> A and A -> B, has moved from B to C
without a delivery. This needs no order: whatever value a ref took it also left, except the one that
it has now.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """A ref went from one object id to another; zeros: it was not there (any more)."""

    before: str
    after: str


def is_none(object_id: str) -> bool:
    """Whether an id stands for "no such ref"."""
    return not object_id.strip("0")


def missing_moves(
    current: str, told: Sequence[Move], intended: Sequence[Move]
) -> tuple[list[int], list[Move]]:
    """What `told` leaves out on the way to `current` (zeros: there is no such ref).

    Returns the positions of those in `intended` that took place, and moves that nobody announced,
    for instance because two pushes of the same kill hide one another.
    """
    open_ends = _open_ends(current, told)
    left = dict(enumerate(intended))
    taken: list[int] = []
    others: list[Move] = []
    while True:
        starts = sorted(value for value, count in open_ends.items() if count > 0)
        ends = {value for value, count in open_ends.items() if count < 0}
        if not starts:
            return sorted(taken), others
        path = next((found for start in starts if (found := _path(start, ends, left))), None)
        if path is not None:
            for position in path:
                move = left.pop(position)
                open_ends[_key(move.before)] -= 1
                open_ends[_key(move.after)] += 1
            taken += path
        else:
            start, end = starts[0], min(ends)
            others.append(Move(start, end))
            open_ends[start] -= 1
            open_ends[end] += 1


def _key(object_id: str) -> str:
    """Zeros of any length are the same value."""
    return "0" * 40 if is_none(object_id) else object_id


def _open_ends(current: str, told: Sequence[Move]) -> Counter[str]:
    """Above 0: values that were reached and never left; below 0: left and never reached."""
    counts: Counter[str] = Counter()
    counts[_key("0")] += 1
    for move in told:
        counts[_key(move.before)] -= 1
        counts[_key(move.after)] += 1
    counts[_key(current)] -= 1
    return counts


def _path(start: str, ends: set[str], moves: dict[int, Move]) -> list[int] | None:
    """Positions of the fewest moves that lead from a value to one of the ends."""
    leaving: dict[str, list[int]] = {}
    for position, move in moves.items():
        leaving.setdefault(_key(move.before), []).append(position)
    reached: dict[str, list[int]] = {start: []}
    waiting = deque([start])
    while waiting:
        value = waiting.popleft()
        if value in ends:
            return reached[value]
        for position in leaving.get(value, ()):
            after = _key(moves[position].after)
            if after not in reached:
                reached[after] = [*reached[value], position]
                waiting.append(after)
    return None
