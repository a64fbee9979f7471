"""One way to print: for people, as JSON (`--json`), or ids only (`-q`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def plain(value: Any) -> Any:
    """A Candid value as JSON: blobs in hexadecimal, the rest as it is."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    return value


def variant(value: Mapping[str, Any]) -> str:
    """A variant in a sentence: its case, and its text where it has one."""
    ((case, inner),) = value.items()
    return f"{case}: {inner}" if isinstance(inner, str) and inner else case


class Output:
    """Prints records. `as_json` prints one JSON value, `quiet` one id per line."""

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        # A pipe has no width: nothing may be cut off there.
        width = None if sys.stdout.isatty() else 400
        self.console = Console(highlight=False, soft_wrap=True, width=width)
        self.errors = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """A sentence for people only."""
        if not self.as_json and not self.quiet:
            self.console.print(text, markup=False)

    def progress(self, text: str) -> None:
        """What is happening now; on standard error, so that pipes stay clean."""
        if not self.quiet:
            self.errors.print(text, markup=False, style="dim")

    def record(self, value: Mapping[str, Any], id_key: str) -> None:
        """One record: its fields, a JSON object, or its id."""
        if self.as_json:
            print(json.dumps(plain(value), indent=2))
        elif self.quiet:
            print(value[id_key])
        else:
            width = max(len(str(key)) for key in value)
            ordered = {id_key: value[id_key], **value} if id_key in value else value
            for key, inner in ordered.items():
                self.console.print(f"{key:<{width}}  {_cell(inner)}", markup=False)

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
        """A list: a table of `columns`, a JSON array of all fields, or the first column only."""
        if self.as_json:
            print(json.dumps([plain(row) for row in rows], indent=2))
        elif self.quiet:
            for row in rows:
                print(row[columns[0]])
        elif not rows:
            self.console.print(empty, markup=False)
        else:
            table = Table(box=None, pad_edge=False, header_style="bold")
            for column in columns:
                table.add_column(column, overflow="fold")
            for row in rows:
                table.add_row(*(_cell(row[column]) for column in columns))
            self.console.print(table)

    def value(self, value: Any) -> None:
        """A bare value, such as the answer of a canister."""
        print(json.dumps(plain(value)) if self.as_json else value)

    def error(self, message: str, kind: str) -> None:
        """On standard error, in the form asked for."""
        if self.as_json:
            print(json.dumps({"error": kind, "message": message}), file=sys.stderr)
        else:
            self.errors.print(f"error: {message}", markup=False, style="red")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if isinstance(value, Mapping) and len(value) == 1:
        return variant(value)
    if isinstance(value, Mapping):
        return json.dumps(plain(value))
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value) or "-"
    return str(value)
