"""Who is not asked for jobs of a stage for a while, because something failed there.

A failure costs the one that failed its turn, and never the run. Whoever gives a job back lets the
other operators pass first: its operator backs off, longer for a lease that ran out. An executor
that cannot run a stage is not asked again while it offers the same.
"""

import hashlib
from typing import TYPE_CHECKING

from shared.rules.cutting import cut
from shared.rules.doubling import doubled
from shared.rules.limits import (
    LOST_PAUSE_NS,
    MAX_ATTEMPT,
    MAX_LOST_PAUSE_NS,
    MAX_STAGE_PAUSES,
    MAX_WEATHER_PAUSE_NS,
    STOPPING_PAUSE_NS,
    WEATHER_PAUSE_NS,
)

if TYPE_CHECKING:
    from canisters.build_executor.records import Pause, StageRecord

WEATHER = "Weather"
UNABLE = "Unable"
STOPPING = "Stopping"
LOST = "Lost"
MAX_REASON_CHARS = 400
# Later than any clock: an executor that is unable is asked again only when its offer changes.
NEVER_NS = 2**63
# What pauses one executor; the operator's others may take the job soon.
OF_ONE_EXECUTOR = (UNABLE, STOPPING)
# (first pause, longest pause) for each cause, in nanoseconds.
PAUSES_NS = {
    WEATHER: (WEATHER_PAUSE_NS, MAX_WEATHER_PAUSE_NS),
    STOPPING: (STOPPING_PAUSE_NS, MAX_WEATHER_PAUSE_NS),
    LOST: (LOST_PAUSE_NS, MAX_LOST_PAUSE_NS),
}


def pause_ns(cause: str, failures: int, salt: str) -> int:
    """How long to pause after so many failures (from 1): doubled each time, within a bound.

    A quarter more or less by `salt`, so that those who failed together do not come back together.
    """
    first, longest = PAUSES_NS[cause]
    whole = doubled(first, failures, longest)
    spread = hashlib.sha256(f"{salt}/{failures}".encode()).digest()[0]
    return whole * 3 // 4 + whole * spread // 512


def pauses_of(stage: "StageRecord") -> "list[Pause]":
    return stage["pauses"] or []


def pause_of(stage: "StageRecord", operator: str, executor: str) -> "Pause | None":
    """The pause of this executor at the stage that ends last; None when it has not failed."""
    own = [
        pause
        for pause in pauses_of(stage)
        if pause["operator"] == operator and pause["executor"] in ("", executor)
    ]
    return max(own, key=lambda pause: pause["until_ns"], default=None)


def paused_until(stage: "StageRecord", operator: str, executor: str) -> int:
    """When this executor is asked for the stage's jobs again; 0 when it has not failed."""
    pause = pause_of(stage, operator, executor)
    return 0 if pause is None else pause["until_ns"]


def add_pause(
    stage: "StageRecord", operator: str, executor: str, cause: str, reason: str, now: int
) -> None:
    """Note a failure: its operator pauses, or the one executor that is unable or stops.

    From the second on the operator pauses in each case, whatever it said: a stage that lets one job
    be at work could else be held by an executor that gives it back as unable, offers something
    else, and takes it before anyone.
    """
    salt = f"{stage['run']}/{stage['name']}/{operator}"
    pause = _failed_again(stage, operator, "", cause, reason)
    failures = pause["failures"]
    if cause not in OF_ONE_EXECUTOR:
        pause["until_ns"] = now + pause_ns(cause, failures, salt)
        return
    whole_ns = pause_ns(WEATHER, failures - 1, salt) if failures > 1 else 0
    pause["until_ns"] = max(pause["until_ns"], now + whole_ns)
    pause = _failed_again(stage, operator, executor, cause, reason)
    own_ns = pause_ns(cause, pause["failures"], salt) if cause == STOPPING else NEVER_NS
    pause["until_ns"] = min(now + own_ns, NEVER_NS)


def share_pause(
    stage: "StageRecord", operator: str, cause: str, reason: str, held_ns: int, now: int
) -> bool:
    """Let an operator pause here that failed at a stage with which this one shares its bound of
    jobs at work; True when it does so only now.

    It could else hold them all for ever, each in turn to the end of its lease: the pause of the
    first is over when it has held the others. Longer each time that it fails after such a pause,
    and no longer than it held the job, so that one which is unable to build many stages of a matrix
    and says so at once builds the rest soon.
    """
    for pause in pauses_of(stage):
        if pause["operator"] == operator and pause["executor"] == "" and now < pause["until_ns"]:
            return False
    pause = _failed_again(stage, operator, "", cause, reason)
    salt = f"{stage['run']}/{stage['name']}/{operator}"
    whole_ns = pause_ns(WEATHER, pause["failures"], salt)
    pause["until_ns"] = now + min(whole_ns, max(held_ns, WEATHER_PAUSE_NS))
    return True


def shared_pauses(others: "list[StageRecord]") -> "list[Pause]":
    """The pauses of operators that a stage begins with which shares its bound with these."""
    for other in others:
        found = [pause for pause in pauses_of(other) if pause["executor"] == ""]
        if found:
            return [pause.copy() for pause in found]
    return []


def _failed_again(
    stage: "StageRecord", operator: str, executor: str, cause: str, reason: str
) -> "Pause":
    """The pause of an operator or executor, with one more failure."""
    kept = pauses_of(stage)
    stage["pauses"] = kept
    found: Pause | None = None
    for pause in kept:
        if pause["operator"] == operator and pause["executor"] == executor:
            found = pause
    if found is None:
        found = {
            "operator": operator,
            "executor": executor,
            "failures": 0,
            "until_ns": 0,
            "cause": cause,
            "reason": "",
        }
        # More than this failed here: the one that comes back first is forgotten.
        if len(kept) >= MAX_STAGE_PAUSES:
            kept.remove(min(kept, key=lambda each: each["until_ns"]))
        kept.append(found)
    found["failures"] = min(found["failures"] + 1, MAX_ATTEMPT)
    found["cause"] = cause
    found["reason"] = cut(reason, MAX_REASON_CHARS)
    return found


def forget_unable(stage: "StageRecord", executor: str) -> bool:
    """The executor's offer has changed: it may be able now. True when something was forgotten."""
    return _keep_pauses(
        stage,
        [
            pause
            for pause in pauses_of(stage)
            if pause["executor"] != executor or pause["cause"] != UNABLE
        ],
    )


def forget_all_unable(stage: "StageRecord") -> bool:
    """What executors lack may be there now. True when something was forgotten."""
    return _keep_pauses(stage, [pause for pause in pauses_of(stage) if pause["cause"] != UNABLE])


def _keep_pauses(stage: "StageRecord", kept: "list[Pause]") -> bool:
    changed = len(kept) != len(pauses_of(stage))
    if changed:
        stage["pauses"] = kept
    return changed
