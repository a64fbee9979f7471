"""The key `on`: which filters are taken, as Candid and back."""

import pytest
from pydantic import ValidationError

from dcanary.pipeline import PipelineFileError, parse_pipeline
from dcanary.pipeline.triggers import Triggers, from_candid, to_candid

REST = "version: 1\nname: a\nstages: {b: {runtime: shell, commands: ['true']}}\n"


def read(on: str) -> list[dict[str, object]]:
    return to_candid(parse_pipeline(f"{REST}on: {on}\n".encode()).on)


def test_a_push_without_filters_is_what_it_was_before() -> None:
    assert read("{push: {branches: [main, '!main-*']}}") == [
        {"Push": ["main", "!main-*"]},
        {"Manual": None},
    ]


def test_filters_of_pushes_are_a_record() -> None:
    on = "{push: {branches: ['**'], paths: [src/**], authors: ['*', '!bot*']}, manual: false}"
    lists = {"paths": ["src/**"], "paths_ignore": None, "authors": ["*", "!bot*"]}
    assert read(on) == [{"FilteredPush": {"branches": ["**"], **lists}}]


@pytest.mark.parametrize(
    "on",
    [
        {"push": {"branches": ["main", "!x"]}},
        {"push": {"branches": ["main"], "paths": ["a/**"], "paths_ignore": ["b"]}},
        {"push": {"branches": ["main"], "authors": ["*"]}, "tag": {"patterns": ["v*"]}},
        {"tag": {"patterns": ["v*"]}, "manual": False},
        {"release": {"patterns": ["v*", "!v*-rc*"]}},
        {"pull_request": {"branches": ["main"]}},
        {"pull_request": {"branches": ["**"], "labels": ["ci/*"], "drafts": True, "deploy": True}},
        {"pull_request": {"branches": ["main"], "types": ["labeled"]}},
    ],
)
def test_triggers_come_back_as_they_were_written(on: dict[str, object]) -> None:
    assert from_candid(read(str(on).replace("False", "false").replace("True", "true"))) == on


@pytest.mark.parametrize(
    ("on", "field", "sentence"),
    [
        ("{push: {branches: ['!main']}}", "on.push.branches", "begin the list with one that"),
        ("{push: {branches: [a], paths: [/docs]}}", "on.push.paths[0]", "root of the repository"),
        ("{push: {branches: [a], paths: [docs/]}}", "on.push.paths[0]", "docs/** for a folder"),
        ("{push: {branches: [a], authors: ['']}}", "on.push.authors[0]", "visible characters"),
        ("{push: {paths: [a]}}", "on.push.branches", "is missing"),
        (f"{{push: {{branches: [a], paths: {['a'] * 64}}}}}", "on.push", "65 patterns in all"),
    ],
)
def test_a_filter_that_could_want_nothing_is_refused(on: str, field: str, sentence: str) -> None:
    with pytest.raises(PipelineFileError) as caught:
        read(on)
    (error,) = caught.value.errors
    assert f" {field}: " in str(error) and sentence in str(error)


def test_a_schedule_is_kept_with_the_rule_of_its_zone_and_comes_back() -> None:
    on = Triggers.model_validate(
        {
            "schedule": [
                {"cron": "0 3 * * MON-FRI", "timezone": "Europe/Berlin", "branch": "release"},
                {"cron": "*/15 * * * *"},
            ],
            "manual": False,
        }
    )
    first, second = (each["Schedule"] for each in to_candid(on))
    assert first == {
        "cron": "0 3 * * MON-FRI",
        "zone": "Europe/Berlin",
        "rule": "CET-1CEST,M3.5.0,M10.5.0/3",
        "ref": "refs/heads/release",
    }
    assert second["rule"] == "UTC0" and second["ref"] == "refs/heads/main"
    values = from_candid(to_candid(on))
    assert values is not None
    assert to_candid(Triggers.model_validate(values)) == to_candid(on)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"cron": "0 3 * *"}, "has 4 fields, not 5"),
        ({"cron": "0 0 3 * * *"}, "has 6 fields, not 5"),
        ({"cron": "0 25 * * *"}, "is no cron expression: bad hour"),
        ({"cron": "0 0 31 2 *"}, "is no cron expression: bad day-of-month"),
        ({"cron": "0 0 */31 * MON#2"}, "is never due"),
        ({"cron": "0 3 * * *", "timezone": "Berlin"}, "knows no time zone 'Berlin'"),
        ({"cron": "0 3 * * *", "timezone": "../../etc/passwd"}, "knows no time zone"),
        ({"cron": "0 3 * * *", "branch": "release/*"}, "one branch, not a pattern"),
        ({"timezone": "UTC"}, "cron"),
    ],
)
def test_a_schedule_that_cannot_be_kept_says_which_field(
    schedule: dict[str, str], words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Triggers.model_validate({"schedule": [schedule]})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "only",
    [
        {"push": {"branches": ["main"]}},
        {"tag": {"patterns": ["v*"]}},
        {"pull_request": {}},
        {"release": {"patterns": ["v*"]}},
        {"schedule": [{"cron": "0 3 * * *"}]},
    ],
)
def test_each_kind_alone_is_something_that_starts_a_run(only: dict[str, object]) -> None:
    assert to_candid(Triggers.model_validate({**only, "manual": False}))
