"""Leases that ran out for want of heartbeats, restored when their holder comes back.

A network that was down, or that the executor could not reach, is weather: a build that went on
meanwhile is not thrown away while nobody else has taken its job. Changes rows, saves nothing.
"""

from typing import TYPE_CHECKING

from canisters.build_executor.jobs import rules
from canisters.build_executor.jobs.pauses import pauses_of

if TYPE_CHECKING:
    from canisters.build_executor.records import JobRow, StageRecord


def can_revive(stage: "StageRecord", job: "JobRow", executor: str, attempt: int, now: int) -> bool:
    """Whether the lease of `attempt`, which ran out, may be restored to `executor` at `now`.

    Not beyond the end that the lease began with, nor while no jobs of the stage are given out, nor
    when the job or another one of the stage is its operator's by now: it has one vote.
    """
    lost, end_ns = job["lost"], job["lease_end_ns"]
    if lost is None or lost["executor"] != executor or "Queued" not in job["state"]:
        return False
    if attempt != job["attempt"] - 1 or end_ns is None or now >= end_ns:
        return False
    if not rules.is_leasing(stage, now):
        return False
    return not any(
        each["operator"] == lost["operator"]
        and ("Leased" in each["state"] or "Committed" in each["state"])
        for each in stage["jobs"]
    )


def revive(stage: "StageRecord", job: "JobRow", now: int) -> None:
    """Restore the lease that the job lost last; the loss is not counted against its operator."""
    lost = job["lost"]
    if lost is None:
        return
    job["lost"] = None
    job["state"] = {"Leased": None}
    job["executor"] = lost["executor"]
    job["operator"] = lost["operator"]
    job["attempt"] -= 1
    job["failures"] = (job["failures"] or [])[:-1]
    rules.extend(job, now)
    kept = []
    for pause in pauses_of(stage):
        if pause["operator"] == lost["operator"] and pause["executor"] == "":
            # It held a lease until this loss, so no earlier failure was holding it up.
            pause["failures"] -= 1
            pause["until_ns"] = min(pause["until_ns"], now)
        if pause["failures"] > 0:
            kept.append(pause)
    stage["pauses"] = kept
