"""What can happen to a job: leased, given back, expired, committed. Changes rows, saves nothing.

Attempts belong to the operator that made them: a failure costs the one that failed its turn (see
`pauses`), and never the run. There is no number of attempts after which a job is lost.
"""

from typing import TYPE_CHECKING

from canisters.build_executor.jobs.pauses import (
    LOST,
    MAX_REASON_CHARS,
    NEVER_NS,
    STOPPING,
    UNABLE,
    WEATHER,
    add_pause,
    paused_until,
    pauses_of,
)
from shared.rules.cutting import cut
from shared.rules.limits import (
    BUILD_MARGIN_NS,
    COMMIT_WINDOW_NS,
    LEASE_NS,
    MAX_ATTEMPT,
    MAX_JOB_FAILURES,
    MIN_GRACE_NS,
    REOPEN_NS,
    SECOND_NS,
)

if TYPE_CHECKING:
    from canisters.build_executor.records import JobRow, StageRecord


def new_row(replica: int) -> "JobRow":
    return {
        "replica": replica,
        "attempt": 1,
        "state": {"Queued": None},
        "executor": None,
        "operator": None,
        "lease_until_ns": 0,
        "given_back_by": None,
        "ask_again_ns": 0,
        "log_base": 0,
        "log_bytes": 0,
        "commitment": None,
        "recorded": False,
        "wall_ns": 0,
        "peak_memory_bytes": 0,
        "leased_ns": None,
        "lease_end_ns": None,
        "committed_ns": None,
        "phase": None,
        "failures": None,
        "lost": None,
        "reused": None,
        "cpu_ns": None,
        "storage_bytes": None,
        "fetched_bytes": None,
        "log_sha256": None,
        "log_total": None,
        "log_marks": None,
    }


# Leases


def begin_lease(
    stage: "StageRecord", job: "JobRow", executor: str, operator: str, now: int
) -> None:
    for each in stage["jobs"]:
        lost = each["lost"]
        # An operator has one vote: its new lease ends its claim to the one that it lost.
        if lost is not None and (each is job or lost["operator"] == operator):
            each["lost"] = None
    job["state"] = {"Leased": None}
    job["executor"] = executor
    job["operator"] = operator
    job["leased_ns"] = now
    job["lease_end_ns"] = now + longest_lease_ns(stage)
    job["phase"] = None
    job["log_sha256"] = None
    job["log_total"] = None
    extend(job, now)


def longest_lease_ns(stage: "StageRecord") -> int:
    """How long a job may be held: the stage's timeout, as often as it may run into it, and time for
    checkout and inputs.

    Inputs may have to be built again, where they stay with executors.
    """
    resources = stage["resources"]
    if resources is None:
        return COMMIT_WINDOW_NS + BUILD_MARGIN_NS
    seconds = resources["timeout_seconds"] * (stage["timeouts"] or 1)
    return lease_ns(seconds + (stage["rebuild_seconds"] or 0))


def lease_ns(seconds: int) -> int:
    """The longest lease of a job that may work for so long."""
    return seconds * SECOND_NS + BUILD_MARGIN_NS


def extend(job: "JobRow", now: int) -> None:
    """A heartbeat came: the lease goes on for LEASE_NS, not beyond the end that it began with."""
    end_ns = job["lease_end_ns"]
    until_ns = now + LEASE_NS
    job["lease_until_ns"] = until_ns if end_ns is None else min(until_ns, end_ns)


def end_lease(stage: "StageRecord", job: "JobRow", cause: str, reason: str, now: int) -> None:
    """A lease ended without a commitment: its operator pauses, the job is free for others."""
    operator, executor = job["operator"] or "", job["executor"] or ""
    add_pause(stage, operator, executor, cause, reason, now)
    failures = job["failures"] or []
    failures.append(
        {
            "operator": operator,
            "cause": cause,
            "reason": cut(reason, MAX_REASON_CHARS),
            "at_ns": now,
        }
    )
    job["failures"] = failures[-MAX_JOB_FAILURES:]
    requeue(job)


def requeue(job: "JobRow") -> None:
    """The job is free for its next attempt; nobody is to blame."""
    job["executor"] = None
    job["operator"] = None
    job["lease_until_ns"] = 0
    job["phase"] = None
    job["attempt"] = min(job["attempt"] + 1, MAX_ATTEMPT)
    job["state"] = {"Queued": None}


def expire(stage: "StageRecord", now: int) -> "list[str]":
    """End the leases that ran out by `now`; the executors that held them."""
    lost: list[str] = []
    if "Building" not in stage["state"]:
        return lost
    for job in stage["jobs"]:
        if "Leased" in job["state"] and job["lease_until_ns"] <= now:
            executor, operator = job["executor"] or "", job["operator"] or ""
            end_ns = job["lease_end_ns"]
            lost.append(executor)
            if end_ns is not None and end_ns <= now:
                reason = "the stage's timeout passed and no result came"
                end_lease(stage, job, LOST, reason, now)
            else:
                reason = f"no heartbeat came for {LEASE_NS // SECOND_NS} s"
                end_lease(stage, job, LOST, reason, now)
                job["lost"] = {"executor": executor, "operator": operator}
    return lost


def drop_unfinished(stage: "StageRecord", reason: str) -> None:
    """The stage needs no more commitments. Who holds a lease keeps its name on the job: its next
    heartbeat is told to stop."""
    for job in stage["jobs"]:
        if "Queued" in job["state"] or "Leased" in job["state"]:
            job["state"] = {"Lost": cut(reason, MAX_REASON_CHARS)}


# Who may take what


def free_job(stage: "StageRecord", operator: str, executor: str, now: int) -> "JobRow | None":
    """The job of this stage that the executor may lease at `now`, if there is one.

    An operator has one vote: while it holds or has committed one job it gets no other. Leases that
    have run out count as ended, whether the timer has said so or not.
    """
    if not is_leasing(stage, now) or now < paused_until(stage, operator, executor):
        return None
    free: JobRow | None = None
    for job in stage["jobs"]:
        leased = "Leased" in job["state"]
        is_over = leased and job["lease_until_ns"] <= now
        if job["operator"] == operator and ("Committed" in job["state"] or leased):
            # Its own lease that ran out first pauses it: `expire` comes before the next lease.
            return None
        if free is None and ("Queued" in job["state"] or is_over):
            free = job
    return free


def is_leasing(stage: "StageRecord", now: int) -> bool:
    """Whether jobs of the stage are given out at `now`.

    Not after the queue time, and not while the reveals of a closed round may bring the verdict.
    """
    if "Building" not in stage["state"] or now >= stage["commit_until_ns"]:
        return False
    return not stage["closing"] or now >= reopens_ns(stage)


def reopens_ns(stage: "StageRecord") -> int:
    """When a round whose commitments were closed takes further ones, if it has no verdict then."""
    closing_ns = stage["closing_ns"]
    return stage["commit_until_ns"] if closing_ns is None else closing_ns + REOPEN_NS


# When commitments close


def committed(stage: "StageRecord") -> "list[JobRow]":
    return [job for job in stage["jobs"] if "Committed" in job["state"]]


def grace_end_ns(stage: "StageRecord") -> "int | None":
    """When commitments close because the quorum has committed; None before it has.

    The others get the stage's grace, or by default 60 s or half of the time that the quorum took
    from its first lease, whichever is longer.
    """
    times = sorted(job["committed_ns"] or 0 for job in committed(stage))
    if len(times) < stage["quorum"]:
        return None
    reached_ns = times[stage["quorum"] - 1]
    seconds = stage["grace_seconds"]
    if seconds is not None:
        return reached_ns + seconds * SECOND_NS
    begun = [job["leased_ns"] for job in committed(stage) if job["leased_ns"] is not None]
    took_ns = reached_ns - min(begun) if begun else 0
    return reached_ns + max(MIN_GRACE_NS, took_ns // 2)


def is_waiting_for_commitments(stage: "StageRecord") -> bool:
    """Whether a job may still be committed before the round is closed."""
    return any("Queued" in job["state"] or "Leased" in job["state"] for job in stage["jobs"])


def close_if_due(stage: "StageRecord", now: int) -> bool:
    """Close commitments when no more can come or the grace is over; True when it was done now."""
    if stage["closing"] or "Building" not in stage["state"]:
        return False
    waiting = is_waiting_for_commitments(stage)
    refused = any("Lost" in job["state"] for job in stage["jobs"])
    grace_ns = grace_end_ns(stage)
    if (waiting or not refused) and (grace_ns is None or now < grace_ns or not waiting):
        return False
    stage["closing"] = True
    stage["closing_ns"] = now
    return True


def is_out_of_time(stage: "StageRecord", now: int) -> bool:
    """Whether the queue time is over, nobody works on the stage, and its round is not closed."""
    if "Building" not in stage["state"] or stage["closing"] or now < stage["commit_until_ns"]:
        return False
    return grace_end_ns(stage) is None and not any(
        "Leased" in job["state"] for job in stage["jobs"]
    )


def due_ns(stage: "StageRecord") -> int:
    """When time alone next changes a stage that is Building."""
    due = stage["end_by_ns"]
    leases = [job["lease_until_ns"] for job in stage["jobs"] if "Leased" in job["state"]]
    if leases:
        due = min(due, *leases)
    if not stage["closing"] and is_waiting_for_commitments(stage):
        grace_ns = grace_end_ns(stage)
        if grace_ns is not None:
            due = min(due, grace_ns)
        elif not leases:
            due = min(due, stage["commit_until_ns"])
    return min([due, *unseen(stage, openings(stage))])


def openings(stage: "StageRecord") -> "list[int]":
    """When jobs of a stage that is Building become free for those who may not take them yet."""
    if not any("Queued" in job["state"] for job in stage["jobs"]):
        return []
    ends = [pause["until_ns"] for pause in pauses_of(stage) if pause["until_ns"] < NEVER_NS]
    return [*ends, reopens_ns(stage)] if stage["closing"] else ends


def unseen(stage: "StageRecord", times: "list[int]") -> "list[int]":
    """Those of `times` that the timer has not come to yet.

    Executors ask by queries, and a query is answered with the time of the last message that was
    executed: where nothing else happens, only the timer brings them the end of a pause.
    """
    woken_ns = stage["woken_ns"] or 0
    return [each for each in times if each > woken_ns]


# Why a stage has no result


REMEDIES = {
    WEATHER: "see that the executors reach what they need, then start the run again",
    UNABLE: "add an executor that can run the stage, or change what the stage asks for",
    LOST: "look at the executors' own logs, then start the run again",
    STOPPING: "keep the executors running, then start the run again",
    "": "start executors that offer what the stage needs, then start the run again",
}


def most_common_failure(stage: "StageRecord") -> "tuple[str, str]":
    """(cause, reason) that most failures of the stage's jobs have; empty when there was none."""
    counts: dict[tuple[str, str], int] = {}
    for pause in pauses_of(stage):
        # What one executor failed at is counted with its operator's pause.
        if pause["executor"]:
            continue
        key = (pause["cause"], pause["reason"])
        counts[key] = counts.get(key, 0) + pause["failures"]
    if not counts:
        return "", ""
    return min(counts, key=lambda key: (-counts[key], key))


def absence(stage: "StageRecord") -> str:
    """Why the queue time ended without enough commitments, and what to do."""
    cause, reason = most_common_failure(stage)
    said = f", most often because {reason}" if reason else ""
    return (
        f"{len(committed(stage))} of {stage['replicas']} operators answered before the queue time "
        f"ended, {stage['quorum']} must agree{said}: {REMEDIES[cause]}"
    )
