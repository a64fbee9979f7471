"""The protocol of readers, and what several of them need."""

from __future__ import annotations

import base64
import binascii
import json
import re
from bisect import bisect_right
from typing import Any, Protocol

import tomllib

from dcanary.download.model import HEX_LENGTHS, Digest
from dcanary.fetch.pinned import ReadFile, Reading, Target

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]', re.DOTALL)
_STRONGEST_FIRST = ("sha512", "sha384", "sha256")


class Reader(Protocol):
    """Reads one kind of lock file."""

    kind: str
    """The layout that the dependencies are for."""
    tool: str
    """What writes such files, for messages."""
    names: str
    """Base names of such files: a pattern of `fnmatch`, several separated by spaces."""

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """Add what `text`, the content of `file`, pins. `read` gives other files of the commit."""
        ...


class NotReadable(Exception):
    """The text is no JSON or TOML document of the expected form; `line` is 0 when unknown."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line, self.what = line, what


def json_document(text: str) -> dict[str, Any]:
    """The object that a JSON text is. Raises NotReadable; a key may not be there twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # `add` returns nothing on purpose
            raise NotReadable(0, f"the key {twice!r} is there twice")
        return found

    try:
        found = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise NotReadable(error.lineno, f"this is no JSON: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise NotReadable(0, "this is no JSON that can be read") from error
    if not isinstance(found, dict):
        raise NotReadable(1, "this is no JSON object")
    return found


def json_lines(text: str, depth: int) -> dict[tuple[str, ...], int]:
    """The line of each key of a JSON document that `json_document` has read, by its path of keys.

    Keys deeper than `depth` are left out.
    """
    starts = [0, *(each.end() for each in re.finditer("\n", text))]
    found: dict[tuple[str, ...], int] = {}
    path: list[str] = []
    string, at, key = "", 0, ""
    for token in _JSON_TOKEN.finditer(text):
        first = token.group()[0]
        if first == '"':
            string, at = token.group(), token.start()
        elif first == ":":
            key = json.loads(string)
            if len(path) <= depth:
                found.setdefault((*path[1:], key), bisect_right(starts, at))
        elif first in "{[":
            path.append(key)
            # What stands in a list has no key of its own.
            key = ""
        elif path:
            path.pop()
    return found


def toml_document(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises NotReadable."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise NotReadable(int(line.group(1)) if line else 0, f"this is no TOML: {error}") from error
    except (RecursionError, ValueError) as error:
        raise NotReadable(0, "this is no TOML that can be read") from error


def table_lines(text: str, name: str) -> list[int]:
    """The lines of the `[[name]]` headers of a TOML text, from the first."""
    header = re.compile(rf"^[ \t]*\[\[[ \t]*{re.escape(name)}[ \t]*\]\]", re.MULTILINE)
    starts = [each.end() for each in re.finditer("\n", text)]
    return [bisect_right(starts, each.end() - 1) + 1 for each in header.finditer(text)]


def integrity(value: object) -> list[Digest]:
    """The strongest digests of an `integrity` of npm; none when it has no strong one."""
    found: dict[str, set[Digest]] = {}
    for each in value.split() if isinstance(value, str) else ():
        algorithm, _, rest = each.partition("-")
        digest = _from_base64(algorithm, rest.partition("?")[0])
        if digest is not None:
            found.setdefault(algorithm, set()).add(digest)
    for algorithm in _STRONGEST_FIRST:
        if algorithm in found:
            return sorted(found[algorithm])
    return []


def from_hex(algorithm: str, digits: object) -> Digest | None:
    """A digest of hexadecimal digits; None for what is none, or too weak to pin bytes."""
    try:
        return Digest(algorithm, digits.lower()) if isinstance(digits, str) else None
    except ValueError:
        return None


def _from_base64(algorithm: str, text: str) -> Digest | None:
    if algorithm not in HEX_LENGTHS:
        return None
    try:
        return Digest(algorithm, base64.b64decode(text, validate=True).hex())
    except (ValueError, binascii.Error):
        return None
