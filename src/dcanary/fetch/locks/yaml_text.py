"""YAML as lock files of JavaScript tools use it: mappings, lists and text, with their lines.

Every scalar stays text: what a version looks like to YAML (`9.0`, `1e3`) is of no interest. Aliases
and tags, which such tools do not write, are refused: the result is never larger than the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from dcanary.fetch.locks.reader import NotReadable

_MAX_DEPTH = 32
# The parser in C reads a mebibyte in half a second, the one in Python in ten.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path = tuple[str, ...]


@dataclass
class Document:
    """A mapping, and the line of each of its keys, by the path of keys."""

    value: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)


def yaml_documents(text: str, depth: int) -> list[Document]:
    """The documents of a YAML text, each a mapping of text, lists and mappings.

    Keys deeper than `depth` are left out of `lines`. Raises NotReadable; a key may not be there
    twice.
    """
    found: list[Document] = []
    builder = _Builder(depth)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
            if isinstance(event, yaml.DocumentEndEvent):
                found.append(builder.document())
                builder = _Builder(depth)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise NotReadable(line, f"this is no YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise NotReadable(0, "this is no YAML that can be read") from error
    return found


class _Builder:
    """Makes one document of the parser's events."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._lines: dict[Path, int] = {}
        self._root: list[Any] = []
        self._open: list[Any] = [self._root]
        # The key that waits for its value, for each open mapping; None everywhere else.
        self._keys: list[str | None] = [None]
        self._path: list[str] = []

    def take(self, event: yaml.Event) -> None:
        """Add what an event says. Raises NotReadable."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) not in (None, "!"):
            raise NotReadable(line, "aliases and tags are not read")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event.value.encode("utf-8", "replace").decode(), line)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) > _MAX_DEPTH:
                raise NotReadable(line, f"it is nested deeper than {_MAX_DEPTH} levels")
            made: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._path.append(self._keys[-1] or "")
            self._put(made, line)
            self._open.append(made)
            self._keys.append(None)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()
            self._path.pop()

    def document(self) -> Document:
        """The document. Raises NotReadable when it is no mapping."""
        if not self._root or not isinstance(self._root[0], dict):
            raise NotReadable(1, "this is no mapping")
        return Document(self._root[0], self._lines)

    def _scalar(self, text: str, line: int) -> None:
        here = self._open[-1]
        if not isinstance(here, dict) or self._keys[-1] is not None:
            self._put(text, line)
            return
        if text in here:
            raise NotReadable(line, f"the key {text[:100]!r} is there twice")
        here[text] = None
        self._keys[-1] = text
        if len(self._path) <= self._depth:
            self._lines[(*self._path[1:], text)] = line

    def _put(self, value: Any, line: int) -> None:
        here = self._open[-1]
        if not isinstance(here, dict):
            here.append(value)
            return
        key = self._keys[-1]
        if key is None:
            raise NotReadable(line, "a key is no text")
        here[key] = value
        self._keys[-1] = None
