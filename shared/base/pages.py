"""Pages that are bounded in items and in bytes, so that a reply always fits a message."""

from collections.abc import Callable
from typing import TypeVar

from shared.rules.limits import MAX_PAGE_BYTES
from shared.rules.paging import next_cursor, page_bounds
from shared.rules.refused import invalid
from shared.rules.sizes import candid_bound
from shared.types.paging import PageRequest

T = TypeVar("T")

FIRST_PAGE: PageRequest = {"cursor": None, "limit": 0}
"""What is shown to who asks for no page."""


def collect(
    total: int, page: PageRequest, item_at: "Callable[[int], T | None]"
) -> "tuple[list[T], str | None]":
    """(items, next cursor), newest first, of a dense list of `total`; raises Invalid.

    `item_at` looks one number up. A page ends early, with a cursor, when the next item would take
    it over MAX_PAGE_BYTES; it always holds at least one item.
    """
    bounds = page_bounds(total, page["cursor"], page["limit"])
    if isinstance(bounds, str):
        raise invalid(bounds)
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
