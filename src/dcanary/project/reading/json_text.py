"""JSON with comments and trailing commas, as people write `dfx.json`.

Written here because the standard library tells no lines, and libraries for JSON5 accept much more
and are slower by an order of magnitude.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right

from dcanary.project.reading.values import MAX_DEPTH, ReadingError, Value

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_LITERAL = re.compile(r"-?[0-9][0-9.eE+-]{0,400}|[a-z]{4,5}")
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}


def read_json(text: str) -> Value:
    """The value of a JSON text. Raises ReadingError with the line."""
    reader = _Reader(text)
    value, end = reader.value(reader.skip(0), 0)
    end = reader.skip(end)
    if end < len(text):
        raise reader.error(end, "something follows the end of the JSON value")
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def error(self, at: int, message: str) -> ReadingError:
        return ReadingError(f"not valid JSON: {message}", self._line(at))

    def _line(self, at: int) -> int:
        return bisect_right(self._starts, at)

    def skip(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        assert found is not None
        return found.end()

    def value(self, at: int, depth: int) -> tuple[Value, int]:
        if depth > MAX_DEPTH:
            raise self.error(at, f"nested deeper than {MAX_DEPTH} levels")
        first = self._text[at : at + 1]
        line = self._line(at)
        if first == "{":
            return self._mapping(at, depth)
        if first == "[":
            return self._list(at, depth)
        if first == '"':
            text, end = self._string(at)
            return Value(text, line), end
        found = _LITERAL.match(self._text, at)
        if found is None:
            raise self.error(at, f"unexpected {first!r}" if first else "it ends too early")
        word = found[0]
        if word in _WORDS:
            return Value(_WORDS[word], line), found.end()
        try:
            return Value(json.loads(word), line), found.end()
        except ValueError:
            raise self.error(at, f"unexpected {word[:20]!r}") from None

    def _string(self, at: int) -> tuple[str, int]:
        found = _STRING.match(self._text, at)
        if found is None:
            raise self.error(at, "a text without an end")
        try:
            text = json.loads(found[0], strict=False)
        except ValueError:
            raise self.error(at, "a text with an unknown escape") from None
        # Half of a character outside the basic plane alone is no text: it cannot be written.
        return str(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace"), found.end()

    def _list(self, at: int, depth: int) -> tuple[Value, int]:
        entries: list[Value] = []
        line, at = self._line(at), self.skip(at + 1)
        while self._text[at : at + 1] != "]":
            value, end = self.value(at, depth + 1)
            entries.append(value)
            at = self._comma(self.skip(end), "]")
        return Value(entries, line), at + 1

    def _mapping(self, at: int, depth: int) -> tuple[Value, int]:
        values: dict[str, Value] = {}
        line, at = self._line(at), self.skip(at + 1)
        while self._text[at : at + 1] != "}":
            if self._text[at : at + 1] != '"':
                raise self.error(at, "a key in double quotes is missing")
            key_line = self._line(at)
            key, end = self._string(at)
            end = self.skip(end)
            if self._text[end : end + 1] != ":":
                raise self.error(end, f"a colon is missing after the key {key[:40]!r}")
            value, end = self.value(self.skip(end + 1), depth + 1)
            # What people look for is the key: a value may begin lines below it.
            values[key] = Value(value.inner, key_line)
            at = self._comma(self.skip(end), "}")
        return Value(values, line), at + 1

    def _comma(self, at: int, close: str) -> int:
        if self._text[at : at + 1] == ",":
            return self.skip(at + 1)
        if self._text[at : at + 1] != close:
            raise self.error(at, f"a comma or {close!r} is missing")
        return at
