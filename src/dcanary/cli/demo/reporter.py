"""What the demo shows: one event at a time, for people or as a line of JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from dcanary.cli import tables
from dcanary.cli.display import harmless, harmless_lines
from dcanary.cli.folding import folded
from dcanary.cli.output import terminal_width
from dcanary.pace import roughly

INDENT = " " * 10


class Reporter:
    """Prints each event with the seconds since the start."""

    def __init__(self, as_json: bool, usual: Sequence[float] = (), pace: float = 1.0) -> None:
        """`usual` is how many seconds each step usually takes: what remains is told by it.

        `pace` is how many times longer they take on this machine.
        """
        self._pace = pace
        self._json = as_json
        self._started = time.monotonic()
        self._step = 0
        self._usual = list(usual)

    def elapsed(self) -> float:
        return time.monotonic() - self._started

    def event(
        self, kind: str, text: str, style: Mapping[str, Any] | None = None, **data: Any
    ) -> None:
        """One thing that happened."""
        if self._json:
            record = {"t": round(self.elapsed(), 2), "event": kind, "text": text, **data}
            click.echo(json.dumps(record))
        else:
            clock = f"{self.elapsed():6.1f} s  "
            bare = harmless(text).lstrip(" ")
            head = clock + text[: len(text) - len(text.lstrip(" "))]
            first, *others = folded(head, bare, terminal_width(sys.stdout)).split("\n")
            shown = click.style(first[: len(clock)], dim=True)
            click.echo(shown + click.style(first[len(clock) :], **(style or {})))
            for line in others:
                click.echo(click.style(line, **(style or {})))
        sys.stdout.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A numbered step; its duration is told when it ends."""
        self._step += 1
        number = self._step
        begun = time.monotonic()
        if not self._json:
            click.echo()
        count = f"{number}/{len(self._usual)}" if self._usual else f"{number}"
        left = remaining(self._usual, number - 1, self.elapsed(), self._pace)
        text = f"{count} {title}{f' ({left} left)' if left else ''}"
        self.event("step", text, {"fg": "cyan", "bold": True}, step=number)
        yield
        text = f"   done in {time.monotonic() - begun:.1f} s"
        self.event("done", text, {"dim": True}, step=number)

    def detail(self, text: str, **data: Any) -> None:
        """What happens within a step."""
        self.event("detail", f"   {text}", **data)

    def good(self, text: str, **data: Any) -> None:
        """A result that was checked."""
        self.event("good", f"   {text}", {"fg": "green"}, **data)

    def warn(self, text: str, **data: Any) -> None:
        """Something that a person should know."""
        self.event("warning", f"   warning: {text}", {"fg": "yellow", "bold": True}, **data)

    def table(self, rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> None:
        """A table of `columns` (see `tables.column`) for people; in JSON an event per row."""
        if self._json:
            for row in rows:
                text = f"{row['operator']} {row['vote']}"
                self.event("vote", text, None, **row)
            return
        chosen = [tables.column(one) for one in columns]
        cells = [[harmless(row[one.key]) for one in chosen] for row in rows]
        width = terminal_width(sys.stdout)
        layout = tables.lay_out(chosen, cells, None if width is None else width - len(INDENT))
        heading, lines = tables.lines(layout)
        click.echo(INDENT + click.style(heading, bold=True))
        for row, line in zip(rows, lines, strict=True):
            agreed = row["vote"] == "agreed"
            click.echo(INDENT + (line if agreed else click.style(line, fg="red", bold=True)))

    def plain(self, text: str) -> None:
        """Closing words; in JSON an event like the others."""
        if self._json:
            self.event("note", text)
        else:
            click.echo(harmless_lines(text))


PRIOR_SECONDS = 20.0
"""How much of the usual time must have passed until the pace so far counts as much as `pace`."""


def remaining(usual: Sequence[float], done: int, elapsed: float, pace: float = 1.0) -> str:
    """How long the steps after the first `done` will take, in words; "" when nobody can know.

    By the usual times, and by how much slower than usual this machine is: `pace` as measured at
    the start, then more and more as the steps themselves went.
    """
    left = sum(usual[done:])
    past = sum(usual[:done])
    if not left:
        return ""
    return roughly(left * (PRIOR_SECONDS * pace + elapsed) / (PRIOR_SECONDS + past))
