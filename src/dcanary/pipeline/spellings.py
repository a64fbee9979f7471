"""Other ways to write a `dcanary.yml`, turned into the one that all other rules know.

Stages as a list, and the names and numbers of the description that DCanary was asked for by. Done
on the values of the file, before everything else. Places stay those of the file, and errors name
keys as it has them. Rejected: more names in the model, for each rule would have to know them.
"""

import re
from collections.abc import Callable
from typing import Any

from dcanary.pipeline.errors import Location
from dcanary.pipeline.source import Source, Value

_PAGE_KIB = 64
_MAX_DIGITS = 18
_NUMBER = re.compile(r"([0-9][0-9_]*)n?", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,12}) (second|minute|hour|day)s?", re.ASCII)

STAGE = {"consensus_required": "quorum"}
"""Key of a stage -> what it is here."""

RESOURCES = {
    "memory_limit": "memory",
    "memory_pages": "memory",
    "storage_limit": "storage",
    "cycles_limit": "cycles",
    "instruction_limit": "instructions",
}
"""Key of a stage's resources -> what it is here."""

_SPREAD = (
    "where executors stand cannot be proved: votes are counted by operator. Leave it out, or ask "
    "for a region with needs"
)


def read_spellings(source: Source) -> None:
    """Turn other spellings into the format's own; what cannot be turned is reported."""
    root = source.value
    if not isinstance(root, dict) or "stages" not in root:
        return
    if isinstance(root["stages"], list):
        root["stages"] = _by_name(source, root["stages"])
    stages = root["stages"]
    if not isinstance(stages, dict):
        return
    for name, stage in stages.items():
        if not isinstance(stage, dict):
            continue
        at: Location = ("stages", name)
        if "geographic_distribution" in stage and stage.pop("geographic_distribution") is not False:
            source.report((*at, "geographic_distribution"), _SPREAD)
        _rename(source, at, stage, STAGE)
        resources = stage.get("resources")
        if isinstance(resources, dict):
            _read_values(source, (*at, "resources"), resources)
            _rename(source, (*at, "resources"), resources, RESOURCES)


def _by_name(source: Source, listed: list[Value]) -> dict[str, Value]:
    """Stages that were given as a list of mappings, each with its name."""
    made: dict[str, Value] = {}
    renamed: dict[str | int, str] = {}
    for index, stage in enumerate(listed):
        at: Location = ("stages", index)
        name = stage.get("name") if isinstance(stage, dict) else None
        if not isinstance(stage, dict) or not isinstance(name, str):
            source.report(at, "must be a mapping with the stage's name, as text")
            continue
        if name in made:
            source.report((*at, "name"), f"there is a stage {name} before this one")
            continue
        made[name] = {key: value for key, value in stage.items() if key != "name"}
        renamed[index] = name
    for location, place in list(source.places.items()):
        if len(location) > 1 and location[0] == "stages" and location[1] in renamed:
            source.places[("stages", renamed[location[1]], *location[2:])] = place
    return made


def _read_values(source: Source, at: Location, resources: dict[str, Value]) -> None:
    for key in [key for key in resources if key in _VALUES]:
        try:
            resources[key] = _VALUES[key](resources[key])
        except ValueError as error:
            source.report((*at, key), str(error))
            del resources[key]


def _rename(source: Source, at: Location, given: dict[str, Value], names: dict[str, str]) -> None:
    for written in [key for key in given if key in names]:
        name, value = names[written], given.pop(written)
        if name in given:
            first = source.written((*at, name))
            source.report((*at, written), f"says the same as {first}: write one of them")
            continue
        given[name] = value
        source.rename((*at, written), name)


def _number(value: Value) -> Value:
    """A number of JavaScript, `20_000_000_000n`, as one; anything else as it is."""
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    digits = match[1].replace("_", "")
    return int(digits) if len(digits) <= _MAX_DIGITS else value


def _pages(value: Value) -> Value:
    pages = _number(value)
    if isinstance(pages, bool) or not isinstance(pages, int) or pages < 1:
        raise ValueError(f"must be a whole number of pages of {_PAGE_KIB}KiB, such as 16384")
    return f"{pages * _PAGE_KIB}KiB"


def _timeout(value: Value) -> Value:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return value if match is None else f"{match[1]}{match[2][0]}"


_VALUES: dict[str, Callable[[Value], Value]] = {
    "memory_pages": _pages,
    "cycles": _number,
    "cycles_limit": _number,
    "network_calls": _number,
    "instruction_limit": _number,
    "timeout": _timeout,
}


def add_spellings(schema: dict[str, Any]) -> None:
    """Let a JSON Schema of the format know the other spellings, too."""
    models = schema["$defs"]
    for model, names in (("Stage", STAGE), ("FetchStage", STAGE), ("Resources", RESOURCES)):
        known = models[model]["properties"]
        for written, name in names.items():
            known[written] = {**known[name], "description": f"another name of {name}"}
    pages = {"type": "integer", "minimum": 1, "description": f"memory as pages of {_PAGE_KIB}KiB"}
    models["Resources"]["properties"]["memory_pages"] = pages
    stages = schema["properties"]["stages"]
    for model in ("Stage", "FetchStage"):
        models[model]["properties"]["name"] = {"type": "string", "description": "in a list only"}
    listed = {"type": "array", "items": stages["additionalProperties"], "minItems": 1}
    schema["properties"]["stages"] = {"title": stages["title"], "anyOf": [stages, listed]}
