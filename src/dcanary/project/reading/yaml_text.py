"""YAML as icp-cli reads it: anchors and merges included, bounded in depth and size."""

from __future__ import annotations

from typing import Any

import yaml

from dcanary.project.reading.values import MAX_DEPTH, ReadingError, Value

MAX_CHARS = 256 * 1024
"""PyYAML needs some ten seconds for a mebibyte."""
MAX_VALUES = 50_000
"""Values of a file once its aliases are written out."""

_SCALARS: dict[str, object] = {"true": True, "false": False}


def read_yaml(text: str) -> Value:
    """The value of the first YAML document. Raises ReadingError with the line."""
    if len(text) > MAX_CHARS:
        raise ReadingError(f"larger than {MAX_CHARS} characters")
    try:
        _check_depth(text)
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_node() if loader.check_node() else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark or error.context_mark)
        raise ReadingError(f"not valid YAML: {error.problem}", line) from None
    except yaml.YAMLError as error:
        raise ReadingError(f"not valid YAML: {' '.join(str(error).split())}") from None
    if node is None:
        return Value(None, 1)
    return _Converter().convert(node, 0)


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the composer, which is recursive, meets it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise ReadingError(
                    f"nested deeper than {MAX_DEPTH} levels", _line(event.start_mark)
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return


def _whole(text: object) -> str:
    """A scalar without halves of characters, which an escape can give and nothing can write."""
    return str(text).encode("utf-8", "replace").decode()


def _line(mark: Any) -> int:
    """The line of a mark of PyYAML, which types it as something that may be missing."""
    return 1 if mark is None else int(mark.line) + 1


class _Converter:
    def __init__(self) -> None:
        self._values = 0

    def convert(self, node: yaml.Node, depth: int) -> Value:
        line = node.start_mark.line + 1
        self._values += 1
        # Aliases can make a file that holds itself, or a billion values.
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise ReadingError("its aliases make it too deep or too large", line)
        if isinstance(node, yaml.SequenceNode):
            return Value([self.convert(one, depth + 1) for one in node.value], line)
        if isinstance(node, yaml.MappingNode):
            return Value(self._mapping(node, depth), line)
        text = _whole(node.value)
        if node.tag == "tag:yaml.org,2002:null":
            return Value(None, line)
        if node.tag == "tag:yaml.org,2002:bool":
            return Value(_SCALARS.get(text.lower(), text), line)
        return Value(text, line)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key, inner in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            value = self.convert(inner, depth + 1)
            if key.tag == "tag:yaml.org,2002:merge":
                for source in [value, *value.entries()]:
                    merged.update(source.items())
            else:
                values[_whole(key.value)] = Value(value.inner, key.start_mark.line + 1)
        return {**merged, **values}
