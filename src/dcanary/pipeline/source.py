"""YAML to plain values, keeping the place of each one. Refuses what a pipeline never needs.

Scalars follow the YAML 1.2 core schema, where `on` and `yes` are text; YAML 1.1, PyYAML's default,
would turn the key `on` into a truth value. Aliases, tags, several documents and deep nesting are
refused, so the result is never larger than the file.
"""

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from dcanary.pipeline.errors import FieldError, Location, PipelineFileError, field_text
from dcanary.pipeline.limits import MAX_DEPTH, MAX_FILE_BYTES, MAX_VALUES

Value = None | bool | int | str | list["Value"] | dict[str, "Value"]
Place = tuple[int, int]


@dataclass
class Source:
    """A file's values and, for each location in them, its line and column (from 1)."""

    file: str
    value: Value
    places: dict[Location, Place] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)
    unsettled: set[Location] = field(default_factory=set)
    """Where values stand that follow from something wrong: what they break is no second mistake."""
    _written: dict[Place, str] = field(default_factory=dict)

    def place(self, location: Location) -> Place:
        """Where a location is, or, when it is absent, where the nearest thing around it is."""
        while location and location not in self.places:
            location = location[:-1]
        return self.places.get(location, (1, 1))

    def rename(self, location: Location, name: str) -> None:
        """Let the key at a location have another name from now on; errors tell the file's."""
        place = self.place(location)
        self.places[(*location[:-1], name)] = place
        self._written[place] = str(location[-1])

    def written(self, location: Location) -> str:
        """The last key of a location as the file has it."""
        found = self.places.get(location)
        return self._written.get(found, str(location[-1])) if found else str(location[-1])

    def report(self, location: Location, message: str) -> None:
        """Note what is wrong at a location, unless its value is unsettled."""
        if any(location[:length] in self.unsettled for length in range(1, len(location) + 1)):
            return
        line, column = self.place(location)
        if location and isinstance(location[-1], str):
            location = (*location[:-1], self.written(location))
        self.errors.append(FieldError(self.file, line, column, field_text(location), message))


class _CoreLoader(yaml.SafeLoader):
    """SafeLoader with the scalars of the YAML 1.2 core schema that a pipeline uses.

    Refuses what a pipeline never needs when its event comes, so that a file is parsed once, and a
    large one not to its end. Raises PipelineFileError.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text)
        self._file = file
        self._depth = self._documents = self._values = 0

    def get_event(self) -> Any:
        """The next event, which is one that is accepted."""
        event = super().get_event()  # type: ignore[no-untyped-call]  # the stubs have no types
        place = _at(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            _fail(self._file, place, "aliases (*name) are not accepted: write the value again")
        tag = getattr(event, "tag", None)
        if tag is not None:
            _fail(self._file, place, f"tags ({tag}) are not accepted")
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                _fail(self._file, place, "the file holds more than one YAML document")
        if isinstance(event, yaml.NodeEvent):
            self._values += 1
            if self._values > MAX_VALUES:
                _fail(self._file, place, f"the file has more than {MAX_VALUES} keys and values")
        if isinstance(event, yaml.CollectionStartEvent):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                _fail(self._file, place, f"nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._depth -= 1
        return event


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?[0-9]{1,30}", list("-+0123456789")),
):
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})\\Z"), _first
    )


def read_source(content: bytes, file: str) -> Source:
    """Parse one YAML document. Raises PipelineFileError when it is not acceptable YAML.

    Duplicate keys are left in `Source.errors`, so that they are reported with the others.
    """
    if len(content) > MAX_FILE_BYTES:
        _fail(file, (1, 1), f"the file has {len(content)} bytes: at most {MAX_FILE_BYTES}")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        _fail(file, (line, column), "the file is not UTF-8")
    try:
        loader = _CoreLoader(text, file)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _fail(file, _at(mark), f"not valid YAML: {error.problem}")
    except yaml.YAMLError as error:
        _fail(file, (1, 1), f"not valid YAML: {' '.join(str(error).split())}")
    if node is None:
        _fail(file, (1, 1), "the file is empty")
    source = Source(file, None)
    source.places[()] = _at(node.start_mark)
    source.value = _value(node, (), source)
    return source


def _fail(file: str, place: Place, message: str) -> NoReturn:
    raise PipelineFileError([FieldError(file, place[0], place[1], "", message)])


def _at(mark: Any) -> Place:
    if mark is None:
        return (1, 1)
    return (mark.line + 1, mark.column + 1)


def _value(node: yaml.Node, location: Location, source: Source) -> Value:
    if isinstance(node, yaml.SequenceNode):
        return [_item(child, (*location, index), source) for index, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, location, source)
    text: str = node.value
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if node.tag == "tag:yaml.org,2002:bool":
        return text == "true"
    if node.tag == "tag:yaml.org,2002:int":
        return int(text)
    return text


def _item(node: yaml.Node, location: Location, source: Source) -> Value:
    source.places[location] = _at(node.start_mark)
    return _value(node, location, source)


def _mapping(node: yaml.MappingNode, location: Location, source: Source) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            line, column = _at(key_node.start_mark)
            source.errors.append(
                FieldError(source.file, line, column, field_text(location), "keys must be text")
            )
            continue
        key: str = key_node.value
        here = (*location, key)
        if key in values:
            first = source.places[here][0]
            line, column = _at(key_node.start_mark)
            message = f"this key was given before, in line {first}"
            source.errors.append(FieldError(source.file, line, column, field_text(here), message))
            continue
        source.places[here] = _at(key_node.start_mark)
        values[key] = _value(value_node, here, source)
    return values
