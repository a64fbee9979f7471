"""What `verification` must be told of a stage's round, in which order, and what answers mean."""

from canisters.build_executor import jobs, runs
from canisters.build_executor.book import Book, is_open, job_name
from canisters.build_executor.records import JobRow, StageRecord
from shared.rules.limits import MAX_TEXT_CHARS
from shared.types.attestation import RoundInput
from shared.types.errors import Error


def next_message(stage: StageRecord) -> "str | int | None":
    """`open`, the replica whose commitment comes next, `close`, or None when all is told.

    A round is opened first and closed last: verification never sees them out of order.
    """
    if not stage["round_open"]:
        return "open" if is_open(stage) else None
    if stage["verdict"] is not None or stage["closed"]:
        return None
    for job in stage["jobs"]:
        if "Committed" in job["state"] and not job["recorded"]:
            return job["replica"]
    return "close" if stage["closing"] else None


def round_input(stage: StageRecord) -> RoundInput:
    return {
        "run": stage["run"],
        "stage": stage["name"],
        "repository": stage["repository"],
        "replicas": stage["replicas"],
        "quorum": stage["quorum"],
        "commit_until_ns": stage["commit_until_ns"],
    }


def opened(
    book: Book, stage: StageRecord, refusal: "Error | None", sentence: str, now: int
) -> None:
    """Verification answered to `open_round`."""
    stage["round_open"] = True
    if refusal is not None:
        stage["closed"] = True
        if is_open(stage):
            reason = f"verification opens no round: {sentence}"
            runs.stage_failed(book, stage, "Failed", reason, now)
            return
    book.save(stage)


def recorded(
    book: Book, stage: StageRecord, job: JobRow, refusal: "Error | None", sentence: str
) -> None:
    """Verification answered to `record_commitment`. A refused vote does not count."""
    job["recorded"] = True
    if refusal is not None and "Committed" in job["state"]:
        job["state"] = {"Lost": f"verification refused it: {sentence}"[:MAX_TEXT_CHARS]}
        jobs.close_if_complete(book, stage)
    book.save(stage)


def closed(
    book: Book, stage: StageRecord, refusal: "Error | None", sentence: str, now: int
) -> None:
    """Verification answered to `close_commits`. Conflict: it has gone on by itself already."""
    stage["closed"] = True
    if refusal is None or "Conflict" in refusal or not is_open(stage):
        book.save(stage)
        return
    reason = f"verification could not close the round: {sentence}"
    runs.stage_failed(book, stage, "Inconclusive", reason, now)


def commitment_of(stage: StageRecord, replica: int) -> "tuple[str, str, str, bytes]":
    """(job, executor, operator, commitment) of a committed replica."""
    job = stage["jobs"][replica]
    return (
        job_name(stage, replica),
        job["executor"] or "",
        job["operator"] or "",
        job["commitment"] or b"",
    )
