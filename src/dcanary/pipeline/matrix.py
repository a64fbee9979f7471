"""Stages with a `matrix`, written out: one stage for each combination of its values.

Done on the file's plain values, before all other rules: what follows sees ordinary stages. A stage
that was made keeps the places of the one that it was made from, so that errors name the file's
lines. Rejected: to let the canister expand them, for people approve and vote on stages by name.
"""

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dcanary.pipeline.arguments import deploys_of
from dcanary.pipeline.errors import Location
from dcanary.pipeline.limits import MAX_STAGES_PER_PIPELINE
from dcanary.pipeline.names import check_name
from dcanary.pipeline.source import Place, Source, Value

INCLUDE, EXCLUDE = "include", "exclude"
# More are not even counted one by one, whatever `exclude` would leave of them.
MAX_COMBINATIONS = 32 * MAX_STAGES_PER_PIPELINE
_AXIS = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_USE = re.compile(r"\$\{matrix\.([^}]*)\}")

Combination = dict[str, str]


class _MatrixError(Exception):
    """What is wrong with a matrix, and where in it."""

    def __init__(self, location: Location, message: str) -> None:
        super().__init__(message)
        self.location, self.message = location, message


@dataclass(frozen=True)
class _Made:
    """A stage that was made from another one, with the values in its name."""

    origin: str
    combination: Combination


def expand(source: Source) -> None:
    """Put the stages that each matrix stands for in the place of its stage.

    What is wrong is reported; such a stage is left without its matrix.
    """
    root = source.value
    stages = root.get("stages") if isinstance(root, dict) else None
    if not isinstance(root, dict) or not isinstance(stages, dict):
        return
    made: dict[str, _Made | None] = {}
    faulty: set[str] = set()
    for name, stage in stages.items():
        if not isinstance(stage, dict) or "matrix" not in stage:
            made[name] = None
            continue
        try:
            for new, combination in _named(name, stage["matrix"], stages):
                if new in made:
                    raise _MatrixError((), f"makes the stage {new} twice")
                made[new] = _Made(name, combination)
        except _MatrixError as error:
            source.report(("stages", name, "matrix", *error.location), error.message)
            made = {new: one for new, one in made.items() if one is None or one.origin != name}
            made[name] = None
            faulty.add(name)
    groups = _groups(made)
    places = _places_by_stage(source)
    written: dict[str, Value] = {}
    for name, one in made.items():
        origin = name if one is None else one.origin
        written[name] = _written(source, name, one, stages[origin], name not in faulty)
        for rest, place in places.get(origin, ()):
            source.places.setdefault(("stages", name, *rest), place)
    for name, stage in written.items():
        if isinstance(stage, dict) and groups:
            _depend_on_all(source, name, stage, groups)
    root["stages"] = written
    _unsettle_names(source, written, faulty)


def _unsettle_names(source: Source, written: dict[str, Value], faulty: set[str]) -> None:
    """Names of stages that a matrix may stand for, once it is right, are not known to be wrong."""

    def may_come(name: Value) -> bool:
        return isinstance(name, str) and any(name.startswith(f"{each}-") for each in faulty)

    for name, stage in written.items():
        given = stage.get("depends_on") if isinstance(stage, dict) else None
        for index, other in enumerate(given if isinstance(given, list) else ()):
            if may_come(other):
                source.unsettled.add(("stages", name, "depends_on", index))
    for place, deploy in deploys_of(source.value):
        if may_come(deploy.get("stage")):
            source.unsettled.add((*place, "stage"))


def _groups(made: dict[str, _Made | None]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, one in made.items():
        if one is not None:
            groups.setdefault(one.origin, []).append(name)
    return groups


def _places_by_stage(source: Source) -> dict[str, list[tuple[Location, Place]]]:
    found: dict[str, list[tuple[Location, Place]]] = {}
    for location, place in source.places.items():
        if len(location) > 1 and location[0] == "stages":
            found.setdefault(str(location[1]), []).append((location[2:], place))
    return found


def _named(name: str, matrix: Value, stages: dict[str, Value]) -> Iterator[tuple[str, Combination]]:
    """(name, values) of each stage that a matrix stands for. Raises _MatrixError."""
    for combination in _combinations(matrix):
        new = "-".join([name, *combination.values()])
        try:
            check_name(new)
        except ValueError as error:
            raise _MatrixError((), f"{new} is the name of a stage: it {error}") from error
        if new in stages:
            raise _MatrixError((), f"makes the stage {new}, which is in the file")
        yield new, combination


def _combinations(matrix: Value) -> list[Combination]:
    if not isinstance(matrix, dict):
        raise _MatrixError((), "must be a mapping of names to lists of values")
    axes = {axis: _values(axis, given) for axis, given in matrix.items() if axis not in _RULES}
    if not axes:
        raise _MatrixError((), "must name at least one list of values")
    count = math.prod(len(values) for values in axes.values())
    if count > MAX_COMBINATIONS:
        raise _MatrixError((), _too_many(count))
    found = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    for index, entry in enumerate(_entries(matrix, EXCLUDE, axes)):
        left = [each for each in found if not entry.items() <= each.items()]
        if len(left) == len(found):
            raise _MatrixError((EXCLUDE, index), "matches no combination")
        found = left
    for index, entry in enumerate(_entries(matrix, INCLUDE, axes)):
        if missing := [axis for axis in axes if axis not in entry]:
            raise _MatrixError((INCLUDE, index), f"must give {', '.join(missing)} too")
        if entry in found:
            raise _MatrixError((INCLUDE, index), "is one of the combinations already")
        found.append({axis: entry[axis] for axis in axes})
    if not found:
        raise _MatrixError((), "excludes all combinations")
    if len(found) > MAX_STAGES_PER_PIPELINE:
        raise _MatrixError((), _too_many(len(found)))
    return found


_RULES = (INCLUDE, EXCLUDE)


def _too_many(count: int) -> str:
    return (
        f"makes {count:,} stages: a pipeline has at most {MAX_STAGES_PER_PIPELINE} "
        "(MAX_STAGES_PER_PIPELINE)"
    )


def _values(axis: str, given: Value) -> list[str]:
    if not _AXIS.fullmatch(axis):
        said = "must be lower-case letters, digits and _, starting with a letter"
        raise _MatrixError((axis,), said)
    if not isinstance(given, list) or not given:
        raise _MatrixError((axis,), "must be a list of values")
    values = [_text((axis, index), each) for index, each in enumerate(given)]
    for index, value in enumerate(values):
        if value in values[:index]:
            raise _MatrixError((axis, index), f"{value} is listed twice")
    return values


def _text(location: Location, value: Value) -> str:
    """A value as it is written in commands and names."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return str(value)
    raise _MatrixError(location, "must be text, a whole number, true or false")


def _entries(matrix: dict[str, Value], rule: str, axes: dict[str, list[str]]) -> list[Combination]:
    """The mappings of `include` or `exclude`."""
    given = matrix.get(rule, [])
    if not isinstance(given, list):
        raise _MatrixError((rule,), "must be a list of mappings")
    found: list[Combination] = []
    for index, entry in enumerate(given):
        if not isinstance(entry, dict) or not entry:
            raise _MatrixError((rule, index), f"must be a mapping of {', '.join(axes)}")
        for axis in entry:
            if axis not in axes:
                known = ", ".join(axes)
                raise _MatrixError((rule, index), f"{axis} is none of the matrix: use {known}")
        found.append({axis: _text((rule, index, axis), each) for axis, each in entry.items()})
    return found


def _written(source: Source, name: str, made: _Made | None, value: Value, is_known: bool) -> Value:
    """A stage with the values of its combination in its texts.

    What it uses without having it is reported, unless its combinations are not known, and nothing
    else of such a text.
    """
    combination = made.combination if made is not None else {}
    origin = made.origin if made is not None else name

    def filled(location: Location, value: Value) -> Value:
        if isinstance(value, list):
            return [filled((*location, index), each) for index, each in enumerate(value)]
        if isinstance(value, dict):
            return {key: filled((*location, key), each) for key, each in value.items()}
        if not isinstance(value, str):
            return value
        missing = [use for use in _USE.finditer(value) if use[1] not in combination]
        if is_known:
            for use in missing:
                known = ", ".join(combination)
                said = f"use one of {known}" if known else "the stage has no such matrix"
                source.report(("stages", origin, *location), f"there is no matrix.{use[1]}: {said}")
        if missing:
            source.unsettled.add(("stages", name, *location))
        return _USE.sub(lambda use: combination.get(use[1], ""), value)

    if not isinstance(value, dict):
        return value
    stage = {key: filled((key,), each) for key, each in value.items() if key != "matrix"}
    if made is not None:
        stage["matrix"] = made.origin
    return stage


def _depend_on_all(
    source: Source, name: str, stage: dict[str, Value], groups: dict[str, list[str]]
) -> None:
    """Who depends on a stage with a matrix depends on all that it stands for."""
    given = stage.get("depends_on")
    if not isinstance(given, list):
        return
    wanted: list[Value] = []
    places: list[Place] = []
    for index, other in enumerate(given):
        names = groups.get(other, [other]) if isinstance(other, str) else [other]
        wanted += names
        places += [source.place(("stages", name, "depends_on", index))] * len(names)
    stage["depends_on"] = wanted
    for index, place in enumerate(places):
        source.places[("stages", name, "depends_on", index)] = place
