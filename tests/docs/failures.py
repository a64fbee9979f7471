"""The table of failures as `docs/reference/errors-and-exit-codes.md` shows it."""

from __future__ import annotations

from dcanary.client.errors import KINDS


def render() -> str:
    """The generated part of the page."""
    rows = [f"| `{name}` | {kind.exit_code} | {kind.meaning} |" for name, kind in KINDS.items()]
    return "\n".join(["| `error` | exit code | meaning |", "|---|---|---|", *rows]) + "\n"
