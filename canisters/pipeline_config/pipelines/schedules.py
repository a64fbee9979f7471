"""Why the schedules of a pipeline are refused. Plain Python."""

from typing import TYPE_CHECKING

from shared.rules.cron import CronError, parse_cron
from shared.rules.limits import MAX_NAME_CHARS, MAX_SCHEDULES_PER_PIPELINE
from shared.rules.patterns import BRANCH_PREFIX, TAG_PREFIX, ref_name_problem
from shared.rules.zones import ZoneError, parse_zone

if TYPE_CHECKING:
    from shared.types.pipeline import Schedule, Trigger


def schedules_problem(triggers: "list[Trigger]") -> "str | None":
    """Why the schedules among triggers cannot be kept, or None."""
    schedules = [each["Schedule"] for each in triggers if "Schedule" in each]
    if len(schedules) > MAX_SCHEDULES_PER_PIPELINE:
        return (
            f"triggers: {len(schedules)} schedules, over {MAX_SCHEDULES_PER_PIPELINE} "
            "(MAX_SCHEDULES_PER_PIPELINE)"
        )
    for schedule in schedules:
        problem = _problem(schedule)
        if problem is not None:
            return f"triggers: schedule: {problem}"
    return None


def _problem(schedule: "Schedule") -> "str | None":
    try:
        parse_cron(schedule["cron"])
    except CronError as error:
        return f"cron {schedule['cron'][:80]!r} {error}"
    try:
        parse_zone(schedule["rule"])
    except ZoneError as error:
        return f"rule {schedule['rule'][:80]!r} of the time zone {error}"
    if not 1 <= len(schedule["zone"]) <= MAX_NAME_CHARS or not schedule["zone"].isascii():
        return f"zone: use 1 to {MAX_NAME_CHARS} ASCII characters"
    for prefix in (BRANCH_PREFIX, TAG_PREFIX):
        if schedule["ref"].startswith(prefix):
            problem = ref_name_problem(schedule["ref"][len(prefix) :])
            return None if problem is None else f"ref: {problem}"
    return "ref: write it as refs/heads/<branch> or refs/tags/<tag>"
