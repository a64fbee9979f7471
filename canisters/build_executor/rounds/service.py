"""What answers and verdicts of `verification` do to a stage. The verdict is never judged here."""

from canisters.build_executor.artifacts import contents
from canisters.build_executor.book import Book
from canisters.build_executor.jobs import rules as job_rules
from canisters.build_executor.jobs import shares
from canisters.build_executor.keys import is_open, job_name, stage_key
from canisters.build_executor.records import FileRow, JobRow, StageRecord
from canisters.build_executor.rounds import rules
from canisters.build_executor.runs import service as runs
from shared.rules.cutting import cut
from shared.rules.limits import MAX_RUN_MANIFEST_BYTES, MAX_TEXT_CHARS
from shared.rules.refused import not_found
from shared.types.attestation import Verdict, VerdictNotice
from shared.types.errors import Error
from shared.types.run import CommitDescription, File

FILE_OVERHEAD_BYTES = 96


def opened(
    book: Book, stage: StageRecord, refusal: "Error | None", sentence: str, now: int
) -> None:
    """Verification answered to `open_round`."""
    stage["round_open"] = True
    if refusal is not None and is_open(stage):
        reason = f"verification opens no round: {sentence}"
        runs.stage_failed(book, stage, "Failed", reason, now)
        return
    book.save(stage)


def recorded(
    book: Book,
    stage: StageRecord,
    job: JobRow,
    refusal: "Error | None",
    sentence: str,
    now: int,
) -> None:
    """Verification answered to `record_commitment`. A refused vote does not count."""
    job["recorded"] = True
    if refusal is not None and "Committed" in job["state"]:
        job["state"] = {"Lost": cut(f"verification refused it: {sentence}", MAX_TEXT_CHARS)}
        if job_rules.close_if_due(stage, now):
            book.tell_round(stage)
    book.save(stage)


def closed(
    book: Book, stage: StageRecord, refusal: "Error | None", sentence: str, now: int
) -> None:
    """Verification answered to `close_commits`. Conflict: it has gone on by itself already."""
    if not is_open(stage):
        # The stage ended meanwhile: its round is to be cancelled, which is another message.
        return
    stage["closed"] = True
    if refusal is None or "Conflict" in refusal:
        book.save(stage)
        return
    reason = f"verification could not close the round: {sentence}"
    runs.stage_failed(book, stage, "Inconclusive", reason, now)


def cancelled(book: Book, stage: StageRecord) -> None:
    """Verification answered to `cancel_round`. A refusal says that it has no such round."""
    stage["closed"] = True
    book.save(stage)


def record_verdict(book: Book, notice: VerdictNotice, now: int) -> None:
    """Take a verdict. A repeated one, or one for a stage that has ended, has no effect."""
    stage = book.stage(stage_key(notice["run"], notice["stage"]))
    if stage is None:
        raise not_found(f"stage {notice['stage'][:64]} of {notice['run'][:64]} was never opened")
    if "Building" not in stage["state"]:
        return
    verdict = notice["verdict"]
    kind = rules.kind_of(verdict)
    stage["verdict"] = kind
    stage["closed"] = True
    if kind != "Agreed":
        reason = verdict["reason"]
        cause, why = job_rules.most_common_failure(stage)
        if kind == "Inconclusive" and why:
            remedy = job_rules.REMEDIES[cause]
            reason = f"{reason}; most often executors failed because {why}: {remedy}"
        runs.stage_failed(book, stage, kind, reason, now)
        return
    problem = rules.manifest_problem(verdict["files"])
    problem = problem or contents.size_misfit(book, verdict["files"])
    problem = problem or _count_manifest(book, stage, verdict["files"], verdict["commit"])
    if problem is not None:
        runs.stage_failed(book, stage, "Failed", problem, now)
        return
    _start_storing(book, stage, verdict, now)


def _start_storing(book: Book, stage: StageRecord, verdict: Verdict, now: int) -> None:
    book.shares.charge(stage, shares.leased(stage), now)
    job_rules.drop_unfinished(stage, "the verdict came before this job was committed")
    stage["state"] = {"Storing": None}
    stage["end_by_ns"] = now + runs.store_window_ns(stage)
    stage["files"] = [_row(file) for file in verdict["files"]]
    agreed = set(verdict["jobs"])
    stage["agreeing"] = [
        job["replica"]
        for job in stage["jobs"]
        if "Committed" in job["state"] and job_name(stage, job["replica"]) in agreed
    ]
    if stage["kept"]:
        runs.stage_succeeded(book, stage, now)
        return
    contents.mark_known(book, stage)
    if not contents.missing(stage):
        runs.stage_succeeded(book, stage, now)
    elif not stage["agreeing"]:
        reason = "the verdict names no job of this stage that could bring the agreed bytes"
        runs.stage_failed(book, stage, "Failed", reason, now)
    else:
        book.save(stage)


def _row(file: File) -> FileRow:
    return {"path": file["path"], "size": file["size"], "sha256": file["sha256"], "stored": False}


def _count_manifest(
    book: Book, stage: StageRecord, files: "list[File]", described: "CommitDescription | None"
) -> "str | None":
    """Keep the run small enough that one query can show it; note what the commit itself says."""
    run = book.runs.get(stage["run"])
    if run is None:
        return None
    total = run["manifest_bytes"] + sum(
        len(file["path"].encode()) + FILE_OVERHEAD_BYTES for file in files
    )
    if total > MAX_RUN_MANIFEST_BYTES:
        limit = f"{MAX_RUN_MANIFEST_BYTES} (MAX_RUN_MANIFEST_BYTES)"
        return f"the manifests of the run have {total} bytes, over {limit}"
    if files or described is not None:
        run["manifest_bytes"] = total
        if described is not None:
            run["source"]["author"] = described["author"]
            run["source"]["message"] = described["message"]
        book.runs.insert(stage["run"], run)
    return None
