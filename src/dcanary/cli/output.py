"""One way to print: for people, as JSON (`--json`), or ids only (`-q`).

Commands print through here only (ruff refuses `print` in this package), so that no text of a
stranger reaches a terminal as it came.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import click

from dcanary.cli import tables
from dcanary.cli.display import (
    bare_log,
    coloured_lines,
    cut_off,
    harmless,
    harmless_lines,
    in_order,
    quoted,
)
from dcanary.cli.folding import folded, folded_lines
from dcanary.cli.wording import case_and_text, in_commands
from dcanary.client.errors import ClientError

HANG = 4
"""Cells by which what goes on of an item is indented: more than a step of nested values."""


class Refusal(ClientError):
    """A question was answered with no."""

    error = "interrupted"


class NoAnswer(ClientError):
    """A question was asked where nobody answers, such as in a script."""

    error = "usage"


class Lines(tuple[str, ...]):
    """A field of a record that has several lines of its own."""


class Answer(Protocol):
    """Values that have a text for people and a JSON for programs."""

    def text(self) -> str: ...

    def json(self) -> object: ...


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


def variant(value: Mapping[str, object]) -> str:
    """A variant in a sentence: its case, and what it carries, in the words of the command line."""
    ((case, inner),) = value.items()
    text = "" if inner is None or inner in ("", []) else cell(_in_a_line(inner))
    return case_and_text(str(case), in_commands(text))


def _in_a_line(inner: object) -> object:
    """A text of several lines, such as the reason of a failure, as one; all else as it is."""
    return " ".join(inner.split("\n")) if isinstance(inner, str) else inner


def _lines_of(value: object) -> list[str] | None:
    """The lines of a variant that carries a text of several, such as a trap; None of all else.

    The first is what it would be in one line, the others stand further right.
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((case, inner),) = value.items()
    if not isinstance(inner, str) or "\n" not in inner:
        return None
    return _held_lines(case_and_text(str(case), in_commands(inner.strip())), HANG)


def _held_lines(text: str, width: int | None) -> list[str]:
    """The harmless lines of a text: the first where it stands, the others further right; one line
    where there is no width."""
    first, *more = text.split("\n") if width is not None else [" ".join(text.split("\n"))]
    return [harmless(first), *(" " * HANG + harmless(line) for line in more)]


def cell(value: object) -> str:
    """A value as one line of harmless text."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if isinstance(value, Mapping) and len(value) == 1:
        return harmless(variant(value))
    if isinstance(value, Mapping):
        return json.dumps(plain(value))
    if isinstance(value, list | tuple):
        return ", ".join(map(item_cell, value)) or "-"
    return harmless(str(value))


def item_cell(value: object) -> str:
    """An item of a list in one line: quoted where it could be taken for several, or for none."""
    text = cell(value)
    if isinstance(value, str) and ("," in text or text.strip() != text or text[:1] in ("", '"')):
        text = quoted(value)
    # Others follow in the line.
    return in_order(text)


def terminal_width(stream: IO[str]) -> int | None:
    """Cells of a line; None for a pipe, in which nothing is cut off. COLUMNS decides if it is set.

    One cell less than there are: some terminals wrap a line that fills them.
    """
    if os.environ.get("COLUMNS", "").isdecimal() or stream.isatty():
        return shutil.get_terminal_size().columns
    return None


def _too_wide(text: str, width: int | None) -> bool:
    return width is not None and tables.cell_width(text) > width


def _held(text: str) -> str:
    """Harmless text whose later lines are indented: a line end of a stranger, such as in the reason
    of a failure, begins no line of ours."""
    bare = harmless_lines(text).lstrip("\n")
    return "\n" * (len(text) - len(text.lstrip("\n"))) + bare.replace("\n", f"\n{' ' * HANG}")


def fitted(text: str, stream: IO[str]) -> str:
    """Sentences in lines that fit the terminal; what goes on is indented two cells further."""
    return folded_lines(text, terminal_width(stream))


class Output:
    """Prints records. `as_json` prints one JSON value, `quiet` one id per line."""

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self._unsaid: list[str] = []
        self._valued = False
        self._held: dict[bool, str] = {}

    def _out(self, text: str, **style: Any) -> None:
        click.echo(click.style(harmless_lines(text), **style) if style else harmless_lines(text))

    def _err(self, text: str, **style: Any) -> None:
        click.echo(click.style(fitted(harmless_lines(text), sys.stderr), **style), err=True)

    def say(self, text: str) -> None:
        """A line for people, after an empty one if it begins with a line end; for programs it is
        the value where there is no other."""
        if self.as_json:
            self._unsaid.append(text)
        elif not self.quiet:
            self._out(fitted(_held(text), sys.stdout))

    def finish(self) -> None:
        """Print what is left of a log; with `as_json`, what was said as a value, unless one was
        printed."""
        self._end_parts()
        if self._unsaid and not self._valued:
            self.json({"done": "\n".join(self._unsaid)})

    def progress(self, text: str) -> None:
        """What is happening now, a line; on standard error, so that pipes stay clean."""
        if not self.quiet:
            self._err(_held(text), dim=True)

    def warning(self, text: str) -> None:
        """Something that a person should know before going on, a line; on standard error."""
        self._err(f"warning: {_held(text)}", fg="yellow")

    def record(self, value: Mapping[str, object], id_key: str) -> None:
        """One record: its fields, a JSON object, or its id."""
        if self.as_json:
            self.json(value)
        elif self.quiet:
            self._out(cell(value[id_key]))
        else:
            width = max(len(str(key)) for key in value)
            ordered = {id_key: value[id_key], **value} if id_key in value else value
            for key, inner in ordered.items():
                self._field(f"{harmless(str(key)):<{width}}  ", inner)

    def _field(self, head: str, value: object) -> None:
        """A field of a record; a list that does not fit in a line has a line per item."""
        width = terminal_width(sys.stdout)
        text = cell(value)
        items = [text]
        # In a pipe a value is a line.
        laid_out = None if width is None else _lines_of(value)
        if laid_out is not None:
            items = laid_out
        elif isinstance(value, Lines):
            items = [each for line in value for each in _held_lines(line, width)]
        elif isinstance(value, list | tuple) and _too_wide(head + text, width):
            items = [item_cell(item) for item in value]
        # What goes on stands further right than what begins: no item can be taken for several, the
        # only one neither.
        hang = HANG if laid_out is not None or isinstance(value, list | tuple) else 0
        for item in items or ["-"]:
            self._out(folded(head, item, width, hang))
            head = " " * len(head)

    def table(
        self, rows: Sequence[Mapping[str, object]], columns: Sequence[str], empty: str
    ) -> None:
        """A list: a table of `columns` (see `tables.column`), a JSON array of all fields, or the
        first column only."""
        if self.as_json:
            self.json(rows)
            return
        chosen = [tables.column(one) for one in columns]
        if self.quiet:
            for row in rows:
                self._out(cell(row[chosen[0].key]))
        elif not rows:
            self._out(fitted(harmless_lines(empty), sys.stdout))
        else:
            # Letters from right to left would take the cells after theirs with them.
            cells = [[in_order(cell(_in_a_line(row[one.key]))) for one in chosen] for row in rows]
            layout = tables.lay_out(chosen, cells, terminal_width(sys.stdout))
            heading, lines = tables.lines(layout)
            self._out(heading, bold=True)
            for line in lines:
                self._out(line)
            if layout.left_out:
                titles = ", ".join(one.title for one in layout.left_out)
                self.progress(f"columns left out: {titles}")

    def json(self, value: object) -> None:
        """One JSON value, exact."""
        self._valued = True
        click.echo(json.dumps(plain(value), indent=2))

    def answer(self, answer: Answer) -> None:
        """The answer of a canister."""
        if self.as_json:
            self.json(answer.json())
        else:
            self._out(answer.text())

    def text(self, text: str) -> None:
        """Text of many lines that is the answer itself, such as an interface; no JSON of it."""
        self._out(text)

    def piece(self, text: str, color: bool = False) -> None:
        """A part of a text that goes on: no line end is added. `color` keeps its colours."""
        self._part(text, color, err=False)

    def _part(self, text: str, color: bool, err: bool, final: bool = False) -> None:
        """A part of a log, but for the end of it that the next part may go on with."""
        text = self._held.pop(err, "") + text
        held = 0 if final else cut_off(text)
        if held:
            self._held[err] = text[-held:]
            text = text[:-held]
        if color:
            click.echo(coloured_lines(text), nl=False, color=True, err=err)
        else:
            click.echo(bare_log(text), nl=False, err=err)

    def _end_parts(self) -> None:
        for err in tuple(self._held):
            self._part("", False, err, final=True)

    def heading(self, text: str) -> None:
        """What the lines after it are about."""
        self._out(text, bold=True)

    def log(self, text: str, color: bool = False) -> None:
        """A part of what a program prints while it works; on standard error."""
        if not self.quiet:
            self._part(text, color, err=True)

    def confirm(self, question: str, instead: str = "--yes") -> None:
        """Ask on standard error. `instead` names the options that make the question needless.

        Raises Refusal when the answer is no, NoAnswer when nobody can answer, click.Abort when it
        is interrupted.
        """
        text = fitted(harmless_lines(f"{question} [y/N]"), sys.stderr)
        try:
            yes = click.confirm(text, err=True, show_default=False)
        except click.Abort as error:
            if isinstance(error.__context__, EOFError):
                click.echo(err=True)
                raise NoAnswer(f"no answer: use {instead}") from None
            raise
        if not yes:
            raise Refusal("nothing was done: the answer was no")

    def error(self, message: str, kind: str, details: Mapping[str, object] | None = None) -> None:
        """On standard error, in the form asked for; `kind` is a key of `client.errors.KINDS`."""
        self._end_parts()
        if self.as_json:
            record = {"error": kind, "message": message, **(details or {})}
            click.echo(json.dumps(record), err=True)
        else:
            self._err(f"error: {message}", fg="red")
