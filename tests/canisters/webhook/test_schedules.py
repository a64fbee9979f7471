"""Runs that start by the clock: schedules of pipelines, kept by timers of the webhook canister."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dcanary.pipeline.zones import rule_of
from shared.rules.limits import MAX_SCHEDULES_PER_PIPELINE
from tests.canisters.installation import FIRST_PAGE, OWNER, Installation, error, ok
from tests.canisters.pipeline_config.pipelines import pipeline

HOUR, DAY = 3_600, 86_400
SECOND_NS = 1_000_000_000


def schedule(cron: str = "0 3 * * *", zone: str = "UTC", ref: str = "refs/heads/main") -> Any:
    return {"Schedule": {"cron": cron, "zone": zone, "rule": rule_of(zone), "ref": ref}}


def set_clock(installation: Installation, text: str, zone: str = "UTC") -> None:
    """Go on to a moment."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    target = int(moment.timestamp()) * SECOND_NS
    installation.network.advance((target - installation.network.time_ns) / SECOND_NS)


@pytest.fixture
def ready(installation: Installation) -> Installation:
    set_clock(installation, "2027-03-26 12:00")
    installation.register_repository()
    return installation


def register(installation: Installation, *schedules: Any, repository: str = "demo") -> None:
    triggers = [*schedules, {"Manual": None}]
    made = {**pipeline(repository), "triggers": triggers}
    ok(installation.pipelines.update("register_pipeline", made, caller=OWNER))
    installation.run_until_idle()


def runs(installation: Installation, repository: str = "demo") -> list[dict[str, Any]]:
    """Deliveries by the clock, the oldest first."""
    page = {**FIRST_PAGE, "limit": 100}
    listed = ok(installation.webhook.query("list_deliveries", repository, page))["items"]
    return [each for each in reversed(listed) if each["event"] == "schedule"]


def started(installation: Installation, zone: str = "UTC") -> list[str]:
    return [
        datetime.fromtimestamp(each["received_ns"] / SECOND_NS, ZoneInfo(zone)).isoformat(
            timespec="minutes"
        )
        for each in runs(installation)
    ]


def status(installation: Installation, repository: str = "demo") -> list[dict[str, Any]]:
    return list(ok(installation.webhook.query("get_schedules", repository)))


def test_a_run_of_what_the_branch_names_starts_when_it_is_due(ready: Installation) -> None:
    register(ready, schedule())
    assert runs(ready) == []
    set_clock(ready, "2027-03-27 02:59:59")
    assert runs(ready) == []
    set_clock(ready, "2027-03-27 03:00:05")
    (one,) = runs(ready)
    assert one["ref"] == "refs/heads/main" and one["sha"] == "" and one["started_by"] is None
    assert one["state"] == {"Dispatched": None}
    spec = ready.executor.query("enqueued", one["run"])
    assert spec["source"]["sha"] == "" and spec["source"]["ref"] == "refs/heads/main"
    set_clock(ready, "2027-03-29 12:00")
    assert started(ready) == [f"2027-03-{day}T03:00+00:00" for day in (27, 28, 29)]
    (found,) = status(ready)
    assert found["last_run"] == "run-3" and found["problem"] is None
    assert found["next_ns"] == int(datetime(2027, 3, 30, 3, tzinfo=ZoneInfo("UTC")).timestamp()) * (
        SECOND_NS
    )


def test_clocks_that_change_are_those_of_the_zone(ready: Installation) -> None:
    register(ready, schedule("30 2 * * *", "Europe/Berlin"))
    set_clock(ready, "2027-03-30 00:00")
    assert started(ready, "Europe/Berlin") == [
        "2027-03-27T02:30+01:00",
        "2027-03-28T03:00+02:00",
        "2027-03-29T02:30+02:00",
    ]


def test_a_leap_day_is_waited_for(ready: Installation) -> None:
    register(ready, schedule("0 0 29 2 *"))
    set_clock(ready, "2028-03-01 00:00")
    assert started(ready) == ["2028-02-29T00:00+00:00"]


def test_ticks_that_were_missed_while_it_stood_still_are_made_up_for_by_one_run(
    ready: Installation,
) -> None:
    register(ready, schedule("*/10 * * * *"))
    set_clock(ready, "2027-03-26 12:25")
    assert len(runs(ready)) == 2
    # The network stood still: its clock goes on by hours at once.
    ready.network.time_ns += 5 * HOUR * SECOND_NS
    ready.run_until_idle()
    assert len(runs(ready)) == 3
    set_clock(ready, "2027-03-26 17:31")
    assert started(ready)[-2:] == ["2027-03-26T17:25+00:00", "2027-03-26T17:30+00:00"]


def test_an_upgrade_keeps_what_is_planned(ready: Installation) -> None:
    register(ready, schedule())
    before = status(ready)
    ready.webhook.upgrade()
    assert status(ready) == before
    set_clock(ready, "2027-03-27 03:01")
    assert len(runs(ready)) == 1
    ready.webhook.upgrade()
    set_clock(ready, "2027-03-28 03:01")
    assert len(runs(ready)) == 2


def test_what_is_the_same_in_a_new_version_goes_on_and_what_is_left_out_ends(
    ready: Installation,
) -> None:
    register(ready, schedule("0 3 * * *"), schedule("0 5 * * *", ref="refs/heads/next"))
    set_clock(ready, "2027-03-27 06:00")
    assert [each["ref"] for each in runs(ready)] == ["refs/heads/main", "refs/heads/next"]
    before = status(ready)
    triggers = [schedule("0 5 * * *", ref="refs/heads/next"), {"Manual": None}]
    ok(ready.pipelines.update("set_pipeline_triggers", "demo", triggers, caller=OWNER))
    ready.run_until_idle()
    assert status(ready) == before[1:]
    set_clock(ready, "2027-03-28 06:00")
    assert [each["ref"] for each in runs(ready)][2:] == ["refs/heads/next"]
    ok(ready.pipelines.update("set_pipeline_triggers", "demo", [], caller=OWNER))
    ready.run_until_idle()
    assert status(ready) == []
    set_clock(ready, "2027-04-28 06:00")
    assert len(runs(ready)) == 3


def test_a_run_that_cannot_start_yet_is_tried_again_and_says_why(ready: Installation) -> None:
    register(ready, schedule())
    ok(ready.webhook.update("delete_repository", "demo", caller=OWNER))
    set_clock(ready, "2027-03-27 03:05")
    error(ready.webhook.query("get_schedules", "demo"), "NotFound")
    ready.register_repository()
    (found,) = status(ready)
    assert "demo" in found["problem"]
    set_clock(ready, "2027-03-27 03:07")
    assert len(runs(ready)) == 1
    assert status(ready)[0]["problem"] is None


def test_a_thousand_schedules_of_one_minute_all_start_once(ready: Installation) -> None:
    """As fast as run requests are taken: those that find no room are tried again each minute."""
    per = MAX_SCHEDULES_PER_PIPELINE
    names = [f"r{number}" for number in range(1_000 // per)]
    for name in names:
        ready.register_repository(name)
        refs = [f"refs/heads/b{number}" for number in range(per)]
        register(ready, *(schedule(ref=ref) for ref in refs), repository=name)
    set_clock(ready, "2027-03-27 03:15")
    for name in names:
        assert len(runs(ready, name)) == per, name
        assert all(each["last_run"] for each in status(ready, name))
    set_clock(ready, "2027-03-28 02:59")
    assert sum(len(runs(ready, name)) for name in names) == 1_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cron": "61 * * * *"}, "cron '61 * * * *' has no minute '61'"),
        ({"cron": "0 0 31 2 *"}, "is never due"),
        ({"rule": "Berlin"}, "rule 'Berlin' of the time zone has a time that is none"),
        ({"zone": ""}, "zone: use 1 to 64"),
        ({"ref": "main"}, "write it as refs/heads/<branch>"),
        ({"ref": "refs/heads/a..b"}, "ref: "),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused_by_its_field(
    ready: Installation, change: dict[str, str], words: str
) -> None:
    wrong = {"Schedule": {**schedule()["Schedule"], **change}}
    made = {**pipeline(), "triggers": [wrong]}
    sentence = error(ready.pipelines.update("register_pipeline", made, caller=OWNER), "Invalid")
    assert words in sentence
    many = {**pipeline(), "triggers": [schedule()] * (MAX_SCHEDULES_PER_PIPELINE + 1)}
    assert "MAX_SCHEDULES_PER_PIPELINE" in error(
        ready.pipelines.update("register_pipeline", many, caller=OWNER), "Invalid"
    )
