"""Leases of uploads: whose turn it is to bring the agreed bytes, for how long, and what ends it."""

from canisters.build_executor import contents, jobs, runs
from canisters.build_executor.book import Book, job_name
from canisters.build_executor.records import JobRow, StageRecord
from shared.rules.limits import LEASE_NS, STORE_WINDOW_NS, UPLOAD_PIECE_NS
from shared.types.errors import Done, conflict, denied
from shared.types.run import UploadWork

# Two, so that an executor that was restarted in its upload is asked once more.
MAX_FAULTS = 2
# However large the files are, one executor leaves half of the window to the others.
MAX_LEASE_NS = STORE_WINDOW_NS // 2
# A lease extends itself, but is not written down for every chunk.
EXTEND_BELOW_NS = LEASE_NS * 2 // 3


def bound_ns(stage: StageRecord) -> int:
    """How long an upload of what is missing may take, in nanoseconds, whatever is sent."""
    pieces = sum(contents.chunk_count(row["size"]) + 1 for _, row in contents.missing(stage))
    return min(LEASE_NS + pieces * UPLOAD_PIECE_NS, MAX_LEASE_NS)


def choose(stage: StageRecord, caller: str, holds: "set[str]", now: int) -> "int | None":
    """The replica for which `caller` may upload at `now`, also when the lease has just run out."""
    for replica in stage["agreeing"]:
        job = stage["jobs"][replica]
        if job["executor"] != caller or job_name(stage, replica) not in holds:
            continue
        faults = stage["faults"].count(replica)
        ask_again_ns = job["ask_again_ns"] if job["given_back_by"] == caller else 0
        if 0 < stage["upload_until_ns"] <= now and stage["uploader"] == replica:
            faults += 1
            ask_again_ns = stage["upload_until_ns"] + jobs.GIVEN_BACK_PAUSE_NS
        if faults < MAX_FAULTS and now >= ask_again_ns:
            return replica
    return None


def lease(book: Book, stage: StageRecord, replica: int, now: int) -> UploadWork:
    stage["uploader"] = replica
    stage["upload_until_ns"] = now + LEASE_NS
    stage["upload_end_ns"] = now + bound_ns(stage)
    book.save(stage)
    return {
        "run": stage["run"],
        "stage": stage["name"],
        "job": job_name(stage, replica),
        "files": [
            {"path": row["path"], "size": row["size"], "sha256": row["sha256"]}
            for _, row in contents.missing(stage)
        ],
        "lease_until_ns": stage["upload_until_ns"],
    }


def extend(stage: StageRecord, now: int) -> None:
    """Go on for LEASE_NS, but not beyond the bound that the lease began with."""
    end_ns = stage["upload_end_ns"]
    until_ns = now + LEASE_NS
    # Leases of before there was a bound have none.
    stage["upload_until_ns"] = until_ns if end_ns is None else min(until_ns, end_ns)


def extend_if_due(book: Book, stage: StageRecord, now: int) -> None:
    before_ns = stage["upload_until_ns"]
    if before_ns - now < EXTEND_BELOW_NS:
        extend(stage, now)
        if stage["upload_until_ns"] != before_ns:
            book.save(stage)


def settle(book: Book, stage: StageRecord, now: int) -> bool:
    """Apply what time alone has done to the leases of a stage; True when something changed.

    An upload that ran out counts against its job: else one that agreed could hold it for ever.
    """
    if "Storing" not in stage["state"]:
        return jobs.settle(book, stage, now)
    until_ns = stage["upload_until_ns"]
    if not 0 < until_ns <= now:
        return False
    stage["upload_until_ns"] = 0
    replica = stage["uploader"]
    if replica is not None:
        job = stage["jobs"][replica]
        jobs.count_lost_lease(book, job)
        job["given_back_by"] = job["executor"]
        job["ask_again_ns"] = until_ns + jobs.GIVEN_BACK_PAUSE_NS
        fault(book, stage, 1, now)
    return True


def release(book: Book, caller: str, stage: StageRecord, job: JobRow, now: int) -> Done:
    """The holder does not have the bytes any more: it is not asked again."""
    if job["executor"] != caller or stage["uploader"] != job["replica"]:
        return {"Err": denied(f"{caller} does not hold the upload of {stage['name']}")}
    if stage["upload_until_ns"] <= now:
        return {"Err": conflict(f"the upload lease of stage {stage['name']} is over")}
    fault(book, stage, MAX_FAULTS, now)
    return {"Ok": None}


def fault(book: Book, stage: StageRecord, weight: int, now: int) -> None:
    """The uploader failed; at MAX_FAULTS it is not asked again. When nobody is left who could
    bring the agreed bytes, the stage has failed."""
    replica = stage["uploader"]
    if replica is None:
        return
    stage["faults"].extend([replica] * weight)
    if stage["faults"].count(replica) >= MAX_FAULTS:
        stage["upload_until_ns"] = 0
    if all(stage["faults"].count(each) >= MAX_FAULTS for each in stage["agreeing"]):
        reason = "no executor that agreed could deliver the agreed bytes"
        runs.stage_failed(book, stage, "Failed", reason, now)
    else:
        book.save(stage)
