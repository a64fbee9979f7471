"""Paging rules. A cursor is opaque to clients; inside, it is the sequence number to continue at.

Records that are listed carry a dense sequence number per list (0, 1, 2, …) in an index map, so a
page costs `limit` look-ups whatever the total.
"""

from shared.rules.limits import DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS


def page_bounds(total: int, cursor: "str | None", limit: int) -> "tuple[int, int] | str":
    """(first, last) sequence numbers, newest first: from `first` down to `last`, both included.

    Returns a sentence instead when the cursor or the limit is not valid; an empty list gives
    (-1, 0).
    """
    if limit < 0 or limit > MAX_PAGE_ITEMS:
        return f"limit is {limit}: use 1 to {MAX_PAGE_ITEMS}, or 0 for {DEFAULT_PAGE_ITEMS}"
    count = limit or DEFAULT_PAGE_ITEMS
    if cursor is None:
        first = total - 1
    else:
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
            return "cursor is not one that this list gave out: ask for the first page again"
        first = int(cursor)
        if first >= total:
            return "cursor is past the end of the list: ask for the first page again"
    if first < 0:
        return (-1, 0)
    return (first, max(0, first - count + 1))


def next_cursor(last: int) -> "str | None":
    """Cursor of the page after the one that ended at sequence number `last`."""
    return str(last - 1) if last > 0 else None
