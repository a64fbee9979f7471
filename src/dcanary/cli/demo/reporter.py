"""What the demo shows: one event at a time, for people or as a line of JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


class Reporter:
    """Prints each event with the seconds since the start."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        width = None if sys.stdout.isatty() else 160
        self._console = Console(highlight=False, soft_wrap=True, width=width)
        self._started = time.monotonic()
        self._step = 0

    def elapsed(self) -> float:
        return time.monotonic() - self._started

    def event(self, kind: str, text: str, style: str = "", **data: Any) -> None:
        """One thing that happened."""
        if self._json:
            record = {"t": round(self.elapsed(), 2), "event": kind, "text": text, **data}
            print(json.dumps(record), flush=True)
            return
        line = Text(f"{self.elapsed():6.1f} s  ", style="dim")
        line.append(text, style=style)
        self._console.print(line)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A numbered step; its duration is told when it ends."""
        self._step += 1
        number = self._step
        begun = time.monotonic()
        if not self._json:
            self._console.print()
        self.event("step", f"{number}. {title}", style="bold cyan", step=number)
        yield
        self.event("done", f"   done in {time.monotonic() - begun:.1f} s", style="dim", step=number)

    def detail(self, text: str, **data: Any) -> None:
        self.event("detail", f"   {text}", **data)

    def good(self, text: str, **data: Any) -> None:
        self.event("good", f"   {text}", style="green", **data)

    def warn(self, text: str, **data: Any) -> None:
        self.event("warning", f"   warning: {text}", style="bold yellow", **data)

    def table(self, rows: Sequence[Mapping[str, str]]) -> None:
        """A table for people; in JSON an event per row."""
        if self._json:
            for row in rows:
                self.event("vote", f"{row['operator']} {row['vote']}", **row)
            return
        if not rows:
            return
        table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for column in rows[0]:
            table.add_column(column)
        for row in rows:
            table.add_row(*row.values(), style="" if row["vote"] == "agreed" else "bold red")
        self._console.print(Padding(table, (0, 0, 0, 12)))

    def plain(self, text: str) -> None:
        """Closing words; in JSON an event like the others."""
        if self._json:
            self.event("note", text)
        else:
            self._console.print(text, markup=False)
