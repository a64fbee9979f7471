"""Pages that are bounded in items and in bytes, so that a reply always fits a message."""

from collections.abc import Callable
from typing import TypeVar

from shared.rules.limits import MAX_PAGE_BYTES
from shared.rules.paging import next_cursor, page_bounds
from shared.types.paging import PageRequest

T = TypeVar("T")

_FIXED_BYTES = 40


def candid_bound(value: object) -> int:
    """At most so many bytes does `value` take in a Candid message (its type table aside)."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace")) + 5
    if isinstance(value, bytes):
        return len(value) + 5
    if isinstance(value, dict):
        return 5 + sum(candid_bound(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return 5 + sum(candid_bound(inner) for inner in value)
    if value is None or isinstance(value, bool):
        return 2
    if isinstance(value, int):
        return max(10, value.bit_length() // 7 + 1)
    return _FIXED_BYTES


def collect(
    total: int, page: PageRequest, item_at: "Callable[[int], T | None]"
) -> "tuple[list[T], str | None] | str":
    """(items, next cursor), newest first, of a dense list of `total`; a sentence when refused.

    `item_at` looks one number up. A page ends early, with a cursor, when the next item would take
    it over MAX_PAGE_BYTES; it always holds at least one item.
    """
    bounds = page_bounds(total, page["cursor"], page["limit"])
    if isinstance(bounds, str):
        return bounds
    first, last = bounds
    items: list[T] = []
    used = 0
    for number in range(first, last - 1, -1):
        item = item_at(number)
        if item is None:
            continue
        used += candid_bound(item)
        if items and used > MAX_PAGE_BYTES:
            return items, str(number)
        items.append(item)
    return items, next_cursor(last)
