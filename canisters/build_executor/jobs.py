"""What can happen to a job: leased, given back, committed, lost. Changes rows, saves nothing."""

from canisters.build_executor.book import Book
from canisters.build_executor.records import JobRow, StageRecord
from shared.rules.limits import MAX_JOB_ATTEMPTS, MAX_TEXT_CHARS, SECOND_NS

# An executor that cannot do a job would else use up all its attempts before another one asks.
GIVEN_BACK_PAUSE_NS = 10 * SECOND_NS


def new_row(replica: int) -> JobRow:
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
    }


def give_back(job: JobRow, reason: str) -> None:
    """A lease ended without a commitment: queued for its next attempt, or lost after the last."""
    job["executor"] = None
    job["operator"] = None
    job["lease_until_ns"] = 0
    if job["attempt"] >= MAX_JOB_ATTEMPTS:
        sentence = f"{reason}; that was attempt {job['attempt']} (MAX_JOB_ATTEMPTS)"
        job["state"] = {"Lost": sentence[:MAX_TEXT_CHARS]}
    else:
        job["attempt"] += 1
        job["state"] = {"Queued": None}


def drop_unfinished(stage: StageRecord, reason: str) -> None:
    """The stage needs no more commitments. Who holds a lease keeps its name on the job: its next
    heartbeat is told to stop."""
    for job in stage["jobs"]:
        if "Queued" in job["state"] or "Leased" in job["state"]:
            job["state"] = {"Lost": reason[:MAX_TEXT_CHARS]}


def close_if_complete(book: Book, stage: StageRecord) -> None:
    """Nothing more will be committed though some jobs are lost: the round must not wait."""
    if stage["closing"] or "Building" not in stage["state"]:
        return
    lost = False
    for job in stage["jobs"]:
        if "Queued" in job["state"] or "Leased" in job["state"]:
            return
        lost = lost or "Lost" in job["state"]
    if lost:
        stage["closing"] = True
        book.tell_round(stage)


def settle(book: Book, stage: StageRecord, now: int) -> bool:
    """Apply what time alone has done to the leases of builds; True when something changed."""
    if "Building" not in stage["state"]:
        return False
    changed = False
    for job in stage["jobs"]:
        if "Leased" in job["state"] and job["lease_until_ns"] <= now:
            count_lost_lease(book, job)
            give_back(job, "its lease expired without a heartbeat")
            changed = True
    if now >= stage["commit_until_ns"]:
        open_jobs = [j for j in stage["jobs"] if "Queued" in j["state"] or "Leased" in j["state"]]
        if open_jobs:
            drop_unfinished(stage, "the stage's time to commit (COMMIT_WINDOW_NS) is over")
            changed = True
    if changed:
        close_if_complete(book, stage)
    return changed


def count_lost_lease(book: Book, job: JobRow) -> None:
    executor = job["executor"]
    record = book.executors.get(executor) if executor is not None else None
    if executor is not None and record is not None:
        record["leases_lost"] += 1
        book.executors.insert(executor, record)


def is_free_for(caller: str, stage: StageRecord, job: JobRow, now: int) -> bool:
    """True for a job that `caller` may lease at `now`, also when its lease has just run out."""
    if now >= stage["commit_until_ns"]:
        return False
    if job["given_back_by"] == caller and now < job["ask_again_ns"]:
        return False
    if "Queued" in job["state"]:
        return True
    return (
        "Leased" in job["state"]
        and job["lease_until_ns"] <= now
        and job["attempt"] < MAX_JOB_ATTEMPTS
    )


def is_taken_by(stage: StageRecord, operator: str, now: int) -> bool:
    """True when the operator holds or has committed a replica of this stage: one vote each."""
    for job in stage["jobs"]:
        if job["operator"] == operator and (
            "Committed" in job["state"]
            or ("Leased" in job["state"] and job["lease_until_ns"] > now)
        ):
            return True
    return False
