"""TOML with lines. The standard library reads the values; lines are looked for in the text."""

from __future__ import annotations

import re

import tomllib

from dcanary.project.reading.values import MAX_DEPTH, ReadingError, Value

MAX_KEY_CHARS = 300
_TABLE = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'@:/ -]+?)\s*=")
_LINE = re.compile(r"line (\d+)")


def read_toml(text: str) -> Value:
    """The value of a TOML text. Raises ReadingError with the line."""
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise ReadingError("not valid TOML: nested too deeply") from None
    except ValueError as error:
        found = _LINE.search(str(error))
        raise ReadingError(f"not valid TOML: {error}", int(found[1]) if found else 1) from None
    return _value(values, (), _lines(text), 1, 0)


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """The first line that names each table and each key of one."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        # A key is short; lines of long texts are none.
        line = line[:MAX_KEY_CHARS].rstrip("\r")
        if found := _TABLE.fullmatch(line):
            table = _parts(found[1])
            for end in range(1, len(table) + 1):
                lines.setdefault(table[:end], number)
        elif found := _KEY.match(line):
            parts = _parts(found[1])
            for end in range(1, len(parts) + 1):
                lines.setdefault((*table, *parts[:end]), number)
    return lines


def _parts(name: str) -> tuple[str, ...]:
    """The keys of a dotted name; dots inside quotes belong to the key."""
    return tuple(
        part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s]+", name)
    )


def _value(
    inner: object, path: tuple[str, ...], lines: dict[tuple[str, ...], int], line: int, depth: int
) -> Value:
    line = lines.get(path, line)
    if depth > MAX_DEPTH:
        raise ReadingError(f"nested deeper than {MAX_DEPTH} levels", line)
    if isinstance(inner, dict):
        values = {
            str(key): _value(value, (*path, str(key)), lines, line, depth + 1)
            for key, value in inner.items()
        }
        return Value(values, line)
    if isinstance(inner, list):
        return Value([_value(one, path, lines, line, depth + 1) for one in inner], line)
    return Value(inner, line)
