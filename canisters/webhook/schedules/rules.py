"""When a schedule starts its next run. Plain Python; times are nanoseconds since 1970."""

from typing import TYPE_CHECKING

from shared.rules.cron import CronError, next_tick, parse_cron
from shared.rules.limits import SECOND_NS
from shared.rules.zones import ZoneError, parse_zone

if TYPE_CHECKING:
    from canisters.webhook.records import ScheduleRecord
    from shared.types.pipeline import Schedule, Trigger

NEVER_NS = 0
AGAIN_NS = 60 * SECOND_NS
"""Until a run is tried again that could not be started when it was due."""


def next_ns(schedule: "Schedule", now: int) -> int:
    """When it is due next after `now`; NEVER_NS where that cannot be told."""
    try:
        cron, zone = parse_cron(schedule["cron"]), parse_zone(schedule["rule"])
    except (CronError, ZoneError):
        # `pipeline_config` has refused it: it is of another version.
        return NEVER_NS
    found = next_tick(cron, zone, now // SECOND_NS)
    return NEVER_NS if found is None else found * SECOND_NS


def schedules_of(triggers: "list[Trigger]") -> "list[Schedule]":
    """The schedules among triggers, in their order."""
    return [each["Schedule"] for each in triggers if "Schedule" in each]


def planned(
    repository: str, schedule: "Schedule", known: "list[ScheduleRecord]", now: int
) -> "ScheduleRecord":
    """The record of a schedule: the one that is known, where it is the same, else a new one."""
    for record in known:
        if record["schedule"] == schedule:
            return record
    return {
        "version": 1,
        "repository": repository,
        "schedule": schedule,
        "next_ns": next_ns(schedule, now),
        "last_ns": None,
        "last_run": None,
        "problem": None,
    }


def started(record: "ScheduleRecord", run: str, now: int) -> None:
    """It was due and has started a run. What was missed meanwhile is made up for by this one."""
    record["last_ns"] = now
    record["last_run"] = run
    record["problem"] = None
    record["next_ns"] = next_ns(record["schedule"], now)


def put_off(record: "ScheduleRecord", problem: str, now: int) -> None:
    """It was due and could start nothing: it is tried again soon."""
    record["problem"] = problem
    record["next_ns"] = now + AGAIN_NS
