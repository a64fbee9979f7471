"""Tables that fit the width of the terminal: one line per row, whatever the values are.

A table that is too wide gives up, in this order: what is the same in all values (`refs/heads/`),
the middle of hashes and principals, the columns that say least, the ends of long texts, and the
ends of long states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

GAP = 2
LEAST = {"text": 10, "state": 36}
"""Cells to which a column of that kind may shrink before a column is left out.

A state comes with its reason, which is what the table is read for.
"""
_DIGITS = (12, 8)
"""How many digits of a hash are shown where it has no room: the first that make the table fit."""
_BRANCH = "refs/heads/"


class Column(NamedTuple):
    """One column. `kind` says how its values may shrink; a lower `rank` stays longer."""

    key: str
    title: str
    kind: str = "text"
    rank: int = 0


def column(spec: str) -> Column:
    """A column from `key[:kind[:rank]][=title]`.

    Kinds are text, state, id (always whole), ref, hash and principal.
    """
    left, _, title = spec.partition("=")
    key, _, rest = left.partition(":")
    kind, _, rank = rest.partition(":")
    return Column(key, title or key.replace("_", " "), kind or "text", int(rank or 0))


def short(value: str, kind: str, digits: int = _DIGITS[0]) -> str:
    """A hash or principal that is told from others by its beginning; a branch by its name."""
    if kind == "hash" and len(value) > digits:
        return f"{value[:digits]}…"
    if kind == "ref":
        return value.removeprefix(_BRANCH)
    if kind == "principal" and len(value) > 16:
        first, _, rest = value.partition("-")
        return f"{first}-…-{rest.rpartition('-')[2]}"
    return value


class Layout(NamedTuple):
    """What is left of a table: columns, their rows of cells, and the columns that had no room."""

    columns: list[Column]
    rows: list[list[str]]
    widths: list[int]
    left_out: list[Column]


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> Layout:
    """Fit a table of one-line cells into `width` cells of a terminal (None: any width)."""
    kept = list(columns)
    cells = [list(row) for row in rows]
    if width is None or _natural(kept, cells) <= width:
        return Layout(kept, cells, _widths(kept, cells), [])
    for digits in _DIGITS:
        cells = [[short(cell, kept[i].kind, digits) for i, cell in enumerate(row)] for row in rows]
        if _natural(kept, cells) <= width:
            break
    left_out: list[Column] = []
    while len(kept) > 1 and _least(kept, cells) > width:
        worst = max(range(1, len(kept)), key=lambda i: (kept[i].rank, i))
        left_out.append(kept.pop(worst))
        for row in cells:
            row.pop(worst)
    widths = _shrunk(kept, _widths(kept, cells), width)
    cells = [[cut(cell, widths[i]) for i, cell in enumerate(row)] for row in cells]
    return Layout(kept, cells, widths, left_out)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        max([cell_width(one.title), *(cell_width(row[i]) for row in rows)])
        for i, one in enumerate(columns)
    ]


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    return sum(_widths(columns, rows)) + GAP * (len(columns) - 1)


def _least(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    """The width below which a column must go."""
    least = [
        min(width, max(LEAST.get(one.kind, width), cell_width(one.title)))
        for one, width in zip(columns, _widths(columns, rows), strict=True)
    ]
    return sum(least) + GAP * (len(columns) - 1)


def _shrunk(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Take cells from the widest column that may shrink until the table fits; then from any."""
    room = width - GAP * (len(columns) - 1)
    widths = list(widths)
    while sum(widths) > room:
        texts = [i for i, one in enumerate(columns) if widths[i] > LEAST.get(one.kind, widths[i])]
        widest = max(texts or range(len(columns)), key=lambda i: widths[i])
        if widths[widest] <= 1:
            break
        widths[widest] -= 1
    return widths


def cell_width(text: str) -> int:
    """Cells that a text takes on a terminal."""
    if text.replace("…", "").isascii():
        return len(text)
    from rich.cells import cell_len  # Only for texts that need it: rich takes long to import.

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """The beginning of a text that takes at most `width` cells, `…` at its end if it was cut."""
    if cell_width(text) <= width:
        return text
    kept = text[:width]
    while kept and cell_width(kept) > width - 1:
        kept = kept[:-1]
    return f"{kept}…"


def lines(layout: Layout) -> tuple[str, list[str]]:
    """The heading and the rows as text, without spaces at their ends."""
    heading = _line([one.title for one in layout.columns], layout.widths)
    return heading, [_line(row, layout.widths) for row in layout.rows]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cut(cell, width) + " " * (width - cell_width(cut(cell, width)))
        for cell, width in zip(cells, widths, strict=True)
    ]
    return (" " * GAP).join(padded).rstrip()
