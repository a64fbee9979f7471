"""`retries` by cause, and `parallel`, in a `dcanary.yml`."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.pipeline import json_schema, retries
from dcanary.pipeline.candid import to_candid
from dcanary.pipeline.errors import PipelineFileError
from dcanary.pipeline.loader import parse_pipeline
from shared.rules import retries as theirs

FILE = """
version: 1
name: counter
stages:
  build:
    runtime: shell
    commands: ["true"]
    artifacts: [out]
    {more}
"""


def stages(more: str) -> list[dict[str, Any]]:
    """The stages of a file as records."""
    pipeline = parse_pipeline(FILE.format(more=more).encode())
    found: list[dict[str, Any]] = to_candid(pipeline, "counter")["stages"]
    return found


def error(more: str) -> str:
    with pytest.raises(PipelineFileError) as caught:
        stages(more)
    (found,) = caught.value.errors
    return str(found)


def test_host_and_canisters_say_the_same() -> None:
    for name in ("MAX_RETRIES", "CAUSES", "REFUSED", "TIME_LIMIT"):
        assert getattr(retries, name) == getattr(theirs, name)
    for times in ([], [("command", 5)], [("x", 1)], [("command", 2), ("time_limit", 3)]):
        assert retries.retries_problem(times) == theirs.retries_problem(times)


@pytest.mark.parametrize(
    ("more", "number", "causes"),
    [
        ("grace: 5s", 1, None),
        ("retries: 4", 4, None),
        ("retries: 0", 0, None),
        (
            "retries: {command: 1, time_limit: 2}",
            0,
            [{"cause": "command", "times": 1}, {"cause": "time_limit", "times": 2}],
        ),
    ],
)
def test_retries_are_a_number_or_a_number_for_each_cause(
    more: str, number: int, causes: list[dict[str, Any]] | None
) -> None:
    (stage,) = stages(more)
    assert (stage["retries"], stage["retry_causes"]) == (number, causes)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("5", "must be at most 4"),
        ("-1", "must be at least 0"),
        ("true", "must be a whole number, or a mapping of causes to numbers"),
        ("often", "must be a whole number, or a mapping of causes to numbers"),
        ("{}", "name a cause"),
        ("{command: true}", "command: must be a whole number"),
        ("{command: 0}", "command: 0: use 1 to 4"),
        ("{command: 3, time_limit: 2}", "5 together: at most 4"),
        ("{storage_limit: 1}", "storage_limit: a stage writes as much each time"),
        ("{weather: 1}", "weather: what servers and the network did is tried again anyway"),
        ("{luck: 1}", "luck: use command, time_limit, memory_limit, process_limit"),
    ],
)
def test_retries_that_are_refused_say_why_and_where(given: str, words: str) -> None:
    found = error(f"retries: {given}")
    assert "9:" in found and "stages.build.retries: " in found
    assert words in found


def test_parallel_goes_to_every_stage_of_a_matrix_and_to_fetch_stages() -> None:
    made = stages("matrix: {moc: [a, b]}\n    parallel: 1")
    assert [(stage["group"], stage["parallel"]) for stage in made] == [("build", 1)] * 2
    assert stages("grace: 5s")[0]["parallel"] is None
    fetched = parse_pipeline(
        b"version: 1\nname: x\nstages:\n  packages:\n    kind: fetch\n"
        b"    locks: [package-lock.json]\n    parallel: 2\n"
    )
    assert to_candid(fetched, "x")["stages"][0]["parallel"] == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [("0", "at least 1"), ("417", "at most 416"), ("many", "must be a whole number")],
)
def test_parallel_is_bounded(given: str, words: str) -> None:
    found = error(f"parallel: {given}")
    assert "stages.build.parallel" in found and words in found


def test_editors_see_what_retries_may_be() -> None:
    number, causes = json_schema()["$defs"]["Stage"]["properties"]["retries"]["anyOf"]
    assert (number["minimum"], number["maximum"]) == (0, 4)
    assert list(causes["properties"]) == list(retries.CAUSES)
    assert causes["properties"]["command"]["minimum"] == 1
    assert causes["additionalProperties"] is False
