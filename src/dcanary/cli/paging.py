"""Lists: `--limit` and `--cursor`, the same for every noun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dcanary.cli.context import Context

F = TypeVar("F", bound=Callable[..., Any])


def paged(function: F) -> F:
    """Adds the paging options."""
    function = click.option("--cursor", help="Continue where the page before ended.")(function)
    return click.option(
        "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Page length."
    )(function)


def page(limit: int, cursor: str | None) -> dict[str, Any]:
    """A Candid PageRequest."""
    return {"cursor": cursor, "limit": limit}


def show(
    context: Context,
    answer: dict[str, Any],
    rows: list[dict[str, Any]],
    columns: list[str],
    empty: str,
) -> None:
    """Print a page and, for people, how to get the next one."""
    context.output.table(rows, columns, empty)
    if answer.get("next"):
        context.output.progress(f"more: add --cursor {answer['next']}")
