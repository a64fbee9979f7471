"""Lists: `--limit` and `--cursor`, the same for every noun."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar

import click

from dcanary.cli.context import Context

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R", bound=Mapping[str, object])


def paged(function: F) -> F:
    """Adds the paging options."""
    function = click.option("--cursor", help="Continue where the page before ended.")(function)
    return click.option(
        "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Page length."
    )(function)


class PageRequest(TypedDict):
    """Which part of a list is asked for; the same record in all five canisters."""

    cursor: str | None
    limit: int


def page(limit: int, cursor: str | None) -> PageRequest:
    """The request for a page of `limit` records after `cursor`."""
    return {"cursor": cursor, "limit": limit}


def show(
    context: Context,
    after: str | None,
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str],
    empty: str,
) -> None:
    """Print a page and, for people, how to get the next one."""
    context.output.table(rows, columns, empty)
    if after:
        context.output.progress(f"more: add --cursor {after}")


def rows_of(
    context: Context, items: Sequence[R], summary: Callable[[R], Mapping[str, object]]
) -> Sequence[Mapping[str, object]]:
    """The records themselves for programs (`--json`), their summaries for people."""
    return items if context.output.as_json else [summary(item) for item in items]


def newest_first(items: Sequence[R], key: str) -> list[R]:
    """Records by the number in their id, the highest first; those without one as they came.

    Canisters list records as they arrived, and messages may overtake each other.
    """
    return sorted(items, key=lambda item: -_number(str(item[key])))


def _number(name: str) -> int:
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdecimal() and tail.isascii() else 0
