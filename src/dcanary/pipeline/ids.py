"""Ids of canisters in the environment of stages, put in when a file is read."""

from __future__ import annotations

from collections.abc import Iterator

from dcanary.pipeline.errors import Location
from dcanary.pipeline.references import Installation, in_text
from dcanary.pipeline.source import Source, Value


def put_ids(source: Source, installation: Installation) -> None:
    """Replace the references in all environments of `source`; report those that cannot be."""
    for place, environment in _environments(source.value):
        for name, text in environment.items():
            if not isinstance(text, str):
                continue
            try:
                environment[name] = in_text(text, installation)
            except ValueError as error:
                source.report((*place, name), str(error))


def _environments(value: Value) -> Iterator[tuple[Location, dict[str, Value]]]:
    """The environment of the pipeline and those of its stages, each with its place."""
    if not isinstance(value, dict):
        return
    stages = value.get("stages")
    holders: list[tuple[Location, Value]] = [((), value)]
    if isinstance(stages, dict):
        holders += [(("stages", name), stage) for name, stage in stages.items()]
    for place, holder in holders:
        found = holder.get("environment") if isinstance(holder, dict) else None
        if isinstance(found, dict):
            yield (*place, "environment"), found
