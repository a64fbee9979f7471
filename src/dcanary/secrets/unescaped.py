"""Text as it reads once its escapes are undone, and where each byte of it stood.

Programs escape what they print, each in its own way: which characters a URL escapes differs
between languages, JSON may write any character by its number. So the escapes are undone, and what
was meant is searched for. Rejected: to search for each way in which a value may be escaped; there
are too many.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Undo = Callable[[bytes], bytes]
_BREAKS = rb"[\r\n]+"


@dataclass(frozen=True)
class Escapes:
    """One way to escape: `whole` matches an escape, `cut` one at the end that more bytes may make
    whole, `mark` is a byte that each has."""

    mark: bytes
    whole: str
    cut: str
    undo: Undo

    def pattern(self) -> re.Pattern[bytes]:
        """Line breaks or an escape, which is the group."""
        return re.compile(_BREAKS + b"|(" + self.whole.encode() + b")", re.DOTALL)

    def end(self) -> re.Pattern[bytes]:
        """A cut escape at the end."""
        return re.compile(b"(?:" + self.cut.encode() + rb")\Z", re.DOTALL)


def _percent(escape: bytes) -> bytes:
    return bytes.fromhex(escape[1:].decode())


def _form(escape: bytes) -> bytes:
    return b" " if escape == b"+" else _percent(escape)


_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _backslash(escape: bytes) -> bytes:
    if escape[1:2] == b"u" and len(escape) > 2:
        units = b"".join(bytes.fromhex(part.decode()) for part in escape.split(rb"\u")[1:])
        return units.decode("utf-16-be", "replace").encode()
    if escape[1:2] == b"x" and len(escape) > 2:
        return bytes.fromhex(escape[2:].decode())
    if len(escape) == 4:
        return bytes([int(escape[1:], 8)])
    return _LETTERS.get(escape[1:], escape[1:])


def _entity(escape: bytes) -> bytes:
    return html.unescape(escape.decode()).encode(errors="replace")


_HEX = "[0-9A-Fa-f]"
_HIGH, _LOW = rf"\\u[dD][89abAB]{_HEX}{{2}}", rf"\\u[dD][c-fC-F]{_HEX}{{2}}"
ESCAPES = (
    Escapes(b"%", f"%{_HEX}{{2}}", f"%{_HEX}?", _percent),
    Escapes(b"+", rf"\+|%{_HEX}{{2}}", f"%{_HEX}?", _form),
    Escapes(
        b"\\",
        rf"{_HIGH}{_LOW}|\\u{_HEX}{{4}}|\\x{_HEX}{{2}}|\\[0-3][0-7]{{2}}|\\[^\r\n]",
        rf"{_HIGH}(?:\\(?:u{_HEX}{{0,3}})?)?|\\(?:u{_HEX}{{0,3}}|x{_HEX}?|[0-3][0-7]?)?",
        _backslash,
    ),
    Escapes(
        b"&",
        rf"&(?:#[0-9]{{1,7}}|#[xX]{_HEX}{{1,6}}|amp|lt|gt|quot|apos);",
        rf"&(?:#(?:[0-9]{{0,7}}|[xX]{_HEX}{{0,6}})|am?p?|apos?|lt?|gt?|qu?o?t?)?",
        _entity,
    ),
    # How a shell, its trace (`set -x`) and shlex.quote write an apostrophe between apostrophes. One
    # within an escape does not begin another.
    Escapes(
        b"'",
        r"""'(?:\\'|"'")'""",
        r"""(?<!'\\')(?<!'"'")(?<!'")'(?:\\'?|"'?"?)?""",
        lambda _: b"'",
    ),
)
_PLAIN = re.compile(_BREAKS)
_COMPILED = [(each.mark, each.pattern(), each.end(), each.undo) for each in ESCAPES]
LONGEST_FOR_A_BYTE = 10
"""Bytes of the longest escape, `&#x000041;`, which may stand for one byte."""


class View:
    """`data` is what is read; `end` is where in the original the first byte stands that was left
    out, because it may belong to an escape that is not whole."""

    def __init__(
        self, raw: bytes, pattern: re.Pattern[bytes], undo: Undo, end: int, unescaped: bool = True
    ) -> None:
        self.end = end
        self.unescaped = unescaped
        parts: list[bytes] = []
        self._begins: list[int] = []
        """Where the parts begin in `data`."""
        self._from: list[int] = []
        """Where they begin in the original, and, of an escape, where it ends."""
        self._until: list[int | None] = []
        size = at = 0
        for found in pattern.finditer(raw, 0, end):
            if found.start() > at:
                self._note(size, at, None)
                parts.append(raw[at : found.start()])
                size += found.start() - at
            at = found.end()
            meant = undo(found[0]).translate(None, b"\r\n") if found.lastindex else b""
            if meant:
                self._note(size, found.start(), at)
                parts.append(meant)
                size += len(meant)
        self._note(size, at, None)
        parts.append(raw[at:end])
        self.data = b"".join(parts)

    def _note(self, begins: int, start: int, until: int | None) -> None:
        self._begins.append(begins)
        self._from.append(start)
        self._until.append(until)

    def start(self, at: int) -> int:
        """Where the byte `at` of `data` begins in the original."""
        part = bisect_right(self._begins, at) - 1
        inside = 0 if self._until[part] is not None else at - self._begins[part]
        return self._from[part] + inside

    def stop(self, at: int) -> int:
        """Where the byte before `at` ends in the original."""
        part = bisect_right(self._begins, at - 1) - 1
        until = self._until[part]
        return self._from[part] + at - self._begins[part] if until is None else until


def views(raw: bytes, *, more: bool = False) -> Iterator[View]:
    """All ways to read a text, without line breaks, beginning with the text as it is.

    `more`: the text goes on, so what may be the beginning of an escape is left out.
    """
    yield View(raw, _PLAIN, bytes, len(raw), unescaped=False)
    for mark, pattern, cut, undo in _COMPILED:
        if mark in raw:
            found = cut.search(raw, max(0, len(raw) - 12)) if more else None
            yield View(raw, pattern, undo, len(raw) if found is None else found.start())
