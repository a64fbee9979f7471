"""Leases of uploads: whose turn it is to bring the agreed bytes, for how long, and what ends it.

Plain Python; changes records, saves nothing. An upload that runs out is weather: its executor is
asked again later, after the others. One that brings wrong bytes twice is not asked again.
"""

from typing import TYPE_CHECKING

from canisters.build_executor.artifacts import contents
from canisters.build_executor.artifacts.places import chunk_count
from canisters.build_executor.jobs.pauses import STOPPING, pause_ns
from canisters.build_executor.jobs.rules import unseen
from canisters.build_executor.keys import job_name
from shared.rules.limits import LEASE_NS, MAX_JOB_FAILURES, STORE_WINDOW_NS, UPLOAD_PIECE_NS

if TYPE_CHECKING:
    from canisters.build_executor.records import JobRow, StageRecord
    from shared.types.job import UploadWork

# The cause of a job's failure that is one of its upload.
UPLOAD = "Upload"
# Two, so that bytes that were damaged on their way are sent once more.
MAX_BAD_UPLOADS = 2
# However large the files are, one executor leaves half of the window to the others.
MAX_LEASE_NS = STORE_WINDOW_NS // 2
# A lease extends itself, but is not written down for every chunk.
EXTEND_BELOW_NS = LEASE_NS * 2 // 3


def bound_ns(stage: "StageRecord") -> int:
    """How long an upload of what is missing may take, in nanoseconds, whatever is sent."""
    pieces = sum(chunk_count(row["size"]) + 1 for _, row in contents.missing(stage))
    return min(LEASE_NS + pieces * UPLOAD_PIECE_NS, MAX_LEASE_NS)


def choose(stage: "StageRecord", caller: str, holds: "set[str]", now: int) -> "int | None":
    """The replica for which `caller` may upload at `now`, also when the lease has just run out."""
    until_ns = stage["upload_until_ns"]
    for replica in stage["agreeing"]:
        job = stage["jobs"][replica]
        if job["executor"] != caller or job_name(stage, replica) not in holds:
            continue
        ask_again_ns = job["ask_again_ns"]
        if 0 < until_ns <= now and stage["uploader"] == replica:
            ask_again_ns = until_ns + pause_after(stage, replica, ended_uploads(job) + 1)
        if stage["faults"].count(replica) < MAX_BAD_UPLOADS and now >= ask_again_ns:
            return replica
    return None


def ended_uploads(job: "JobRow") -> int:
    """How many uploads of this job ended early, of its last MAX_JOB_FAILURES failures."""
    return sum(each["cause"] == UPLOAD for each in job["failures"] or [])


def pause_after(stage: "StageRecord", replica: int, ended: int) -> int:
    """How long an executor is not asked for its bytes after so many uploads that ended early."""
    return pause_ns(STOPPING, ended, job_name(stage, replica))


def begin(stage: "StageRecord", replica: int, now: int) -> "UploadWork":
    stage["uploader"] = replica
    stage["upload_until_ns"] = now + LEASE_NS
    stage["upload_end_ns"] = now + bound_ns(stage)
    return {
        "run": stage["run"],
        "stage": stage["name"],
        "job": job_name(stage, replica),
        "files": [
            {"path": row["path"], "size": row["size"], "sha256": row["sha256"]}
            for _, row in contents.missing(stage)
        ],
        "lease_until_ns": stage["upload_until_ns"],
        "sent": None,
    }


def extend(stage: "StageRecord", now: int) -> None:
    """Go on for LEASE_NS, but not beyond the bound that the lease began with."""
    end_ns = stage["upload_end_ns"]
    until_ns = now + LEASE_NS
    # Leases of before there was a bound have none.
    stage["upload_until_ns"] = until_ns if end_ns is None else min(until_ns, end_ns)


def extend_if_due(stage: "StageRecord", now: int) -> bool:
    """Extend a lease that ends soon; True when it changed."""
    before_ns = stage["upload_until_ns"]
    if before_ns - now >= EXTEND_BELOW_NS:
        return False
    extend(stage, now)
    return stage["upload_until_ns"] != before_ns


def expire(stage: "StageRecord", now: int) -> "str | None":
    """End an upload that ran out by `now`; the executor that held it."""
    until_ns = stage["upload_until_ns"]
    if "Storing" not in stage["state"] or not 0 < until_ns <= now:
        return None
    return end(stage, "its upload ran out", until_ns)


def end(stage: "StageRecord", reason: str, now: int) -> "str | None":
    """An upload ended before all files were there: its executor pauses, the others come first."""
    stage["upload_until_ns"] = 0
    replica = stage["uploader"]
    if replica is None:
        return None
    job = stage["jobs"][replica]
    failures = job["failures"] or []
    failures.append(
        {
            "operator": job["operator"] or "",
            "cause": UPLOAD,
            "reason": reason,
            "at_ns": now,
        }
    )
    job["failures"] = failures[-MAX_JOB_FAILURES:]
    job["given_back_by"] = job["executor"]
    job["ask_again_ns"] = now + pause_after(stage, replica, ended_uploads(job))
    return job["executor"]


def count_bad_upload(stage: "StageRecord", weight: int) -> None:
    """Note that the uploader brought wrong bytes, or has lost the right ones.

    At MAX_BAD_UPLOADS it is not asked again.
    """
    replica = stage["uploader"]
    if replica is None:
        return
    stage["faults"].extend([replica] * weight)
    if stage["faults"].count(replica) >= MAX_BAD_UPLOADS:
        stage["upload_until_ns"] = 0


def nobody_is_left(stage: "StageRecord") -> bool:
    """Whether no executor that agreed can bring the agreed bytes any more."""
    return all(stage["faults"].count(each) >= MAX_BAD_UPLOADS for each in stage["agreeing"])


def due_ns(stage: "StageRecord") -> int:
    """When time alone next changes a stage that is Storing."""
    if stage["upload_until_ns"] > 0:
        return min(stage["end_by_ns"], stage["upload_until_ns"])
    pauses = [stage["jobs"][replica]["ask_again_ns"] for replica in stage["agreeing"]]
    return min([stage["end_by_ns"], *unseen(stage, pauses)])
