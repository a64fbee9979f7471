"""The life of a run: queued, stage after stage in dependency order, approval, release, one end."""

from canisters.build_executor.artifacts import contents
from canisters.build_executor.book import Book
from canisters.build_executor.jobs import rules as job_rules
from canisters.build_executor.jobs import shares
from canisters.build_executor.keys import is_open, stage_key
from canisters.build_executor.records import RunRecord, StageRecord
from canisters.build_executor.runs import graph, rules
from canisters.build_executor.serving import service as serving
from shared.rules.limits import (
    APPROVAL_WAIT_NS,
    BUILD_MARGIN_NS,
    FEW_OPEN_RUNS,
    MAX_OPEN_RUNS,
    MAX_OPEN_RUNS_PER_REPOSITORY,
    MAX_TEXT_CHARS,
    REVEAL_WINDOW_NS,
    SECOND_NS,
    STORE_WINDOW_NS,
    VERDICT_WAIT_NS,
)
from shared.rules.refused import conflict, exhausted, not_found
from shared.types.pipeline import PipelineInput
from shared.types.release import ReleaseNotice
from shared.types.run import RunSpec, RunState, StageState


def _refuse_full(book: Book, repository: str) -> None:
    """Raise Exhausted. One repository has a share of the open runs, for they may wait for days."""
    if book.open_runs.len() >= MAX_OPEN_RUNS:
        raise exhausted(f"{MAX_OPEN_RUNS} runs are open (MAX_OPEN_RUNS): they are awaited")
    own = book.open_runs_of(repository)
    if own >= FEW_OPEN_RUNS and book.open_runs.len() >= MAX_OPEN_RUNS - MAX_OPEN_RUNS // 4:
        raise exhausted(
            f"{book.open_runs.len()} runs are open, what is left of {MAX_OPEN_RUNS} "
            f"(MAX_OPEN_RUNS) is kept for repositories with less than {FEW_OPEN_RUNS} "
            f"(FEW_OPEN_RUNS), {repository} has {own}: they are awaited"
        )
    if own >= MAX_OPEN_RUNS_PER_REPOSITORY:
        raise exhausted(
            f"{MAX_OPEN_RUNS_PER_REPOSITORY} runs of {repository} are open "
            "(MAX_OPEN_RUNS_PER_REPOSITORY): they are awaited, cancel what is not wanted any more"
        )


def enqueue(book: Book, spec: RunSpec, now: int) -> None:
    """Take a run in and open its first stages. The same run again changes nothing."""
    rules.check_spec(spec)
    run = spec["run"]
    known, stored = book.runs.get(run), book.specs.get(run)
    if known is not None and stored is not None:
        if stored["spec"]["source"] == spec["source"] and known["delivery"] == spec["delivery"]:
            return
        raise conflict(f"{run} is already here for another commit or delivery")
    _refuse_full(book, spec["source"]["repository"])
    sequence = book.run_index.len()
    record: RunRecord = {
        "version": 1,
        "sequence": sequence,
        "delivery": spec["delivery"],
        "source": spec["source"],
        "pipeline_version": spec["pipeline_version"],
        "state": {"Queued": None},
        "opened": [],
        "succeeded": [],
        "manifest_bytes": 0,
        "approval": None,
        "approval_by_ns": 0,
        "approval_attempt": None,
        "created_ns": now,
        "updated_ns": now,
        "release": None,
        "release_error": None,
        "cancelled_by": None,
        "since_ns": now,
    }
    book.specs.insert(run, {"version": 1, "spec": spec})
    book.open_run(run, record)
    book.run_index.insert(sequence, run)
    repository = spec["source"]["repository"]
    number = book.repository_runs.get(repository) or 0
    book.repository_index.insert(f"{repository}#{number}", run)
    book.repository_runs.insert(repository, number + 1)
    _advance(book, run, record, spec, now)


def _advance(book: Book, run: str, record: RunRecord, spec: RunSpec, now: int) -> None:
    """Open every stage whose dependencies have succeeded; at the end ask for the approval."""
    stages = spec["pipeline"]["stages"]
    opened = {each["name"] for each in record["opened"]}
    for position in graph.ready(stages, opened, set(record["succeeded"])):
        stage = stages[position]
        record["opened"].append({"name": stage["name"], "jobs": stage["replicas"]})
        _open_stage(book, run, record, spec["pipeline"], position, now)
    record["updated_ns"] = now
    if len(record["succeeded"]) == len(stages):
        if spec["pipeline"]["deploy"] is None:
            _end(book, run, record, {"Succeeded": None}, now)
            return
        record["approval_by_ns"] = now + APPROVAL_WAIT_NS
        book.ask_approval(run)
    book.runs.insert(run, record)


def _open_stage(
    book: Book,
    run: str,
    record: RunRecord,
    pipeline: PipelineInput,
    position: int,
    now: int,
) -> None:
    stage = pipeline["stages"][position]
    commit_until_ns = now + rules.queue_ns(pipeline)
    longest_ns = stage["resources"]["timeout_seconds"] * SECOND_NS + BUILD_MARGIN_NS
    opened: StageRecord = {
        "version": 1,
        "run": run,
        "name": stage["name"],
        "repository": record["source"]["repository"],
        "run_sequence": record["sequence"],
        "position": position,
        "runtime": stage["runtime"],
        "state": {"Building": None},
        "replicas": stage["replicas"],
        "quorum": stage["quorum"],
        "commit_until_ns": commit_until_ns,
        "end_by_ns": commit_until_ns + longest_ns + REVEAL_WINDOW_NS + VERDICT_WAIT_NS,
        "round_open": False,
        "closing": False,
        "closed": False,
        "jobs": [job_rules.new_row(replica) for replica in range(stage["replicas"])],
        "verdict": None,
        "files": [],
        "agreeing": [],
        "faults": [],
        "uploader": None,
        "upload_until_ns": 0,
        "upload_end_ns": None,
        "instructions": 0,
        "opened_ns": now,
        "closing_ns": None,
        "resources": stage["resources"],
        "needs": stage["needs"],
        "grace_seconds": stage["grace_seconds"],
        "flaky": None if stage["reports"] is None else stage["reports"]["flaky"],
        "pauses": None,
        "woken_ns": None,
        "priority": pipeline["priority"],
    }
    book.save(opened)


def store_window_ns(stage: StageRecord) -> int:
    """How long agreed bytes may be waited for: the queue time of the stage, as its builds had."""
    opened_ns = stage["opened_ns"]
    if opened_ns is None:
        return STORE_WINDOW_NS
    return max(STORE_WINDOW_NS, stage["commit_until_ns"] - opened_ns)


def _come_into(book: Book, run: str, record: RunRecord, state: RunState, now: int) -> None:
    """Write a run in its next state."""
    record["state"] = state
    record["since_ns"] = now
    record["updated_ns"] = now
    book.runs.insert(run, record)


def mark_running(book: Book, run: str, now: int) -> None:
    """The first lease of a run."""
    record = book.runs.get(run)
    if record is not None and "Queued" in record["state"]:
        _come_into(book, run, record, {"Running": None}, now)


def stage_succeeded(book: Book, stage: StageRecord, now: int) -> None:
    """All files of the stage are stored: go on with what depends on it."""
    stage["state"] = {"Succeeded": None}
    stage["upload_until_ns"] = 0
    book.save(stage)
    serving.certify(book, stage)
    record = book.runs.get(stage["run"])
    spec = book.specs.get(stage["run"])
    if record is None or spec is None:
        return
    record["succeeded"].append(stage["name"])
    _advance(book, stage["run"], record, spec["spec"], now)


def stage_failed(book: Book, stage: StageRecord, kind: str, reason: str, now: int) -> None:
    """End a stage, and its run with it, as `kind`: Failed, Disagreed or Inconclusive."""
    reason = reason[:MAX_TEXT_CHARS]
    run_reason = f"stage {stage['name']}: {reason}"[:MAX_TEXT_CHARS]
    state: StageState
    run_state: RunState
    if kind == "Disagreed":
        state, run_state = {"Disagreed": reason}, {"Disagreed": run_reason}
    elif kind == "Inconclusive":
        state, run_state = {"Inconclusive": reason}, {"Inconclusive": run_reason}
    else:
        state, run_state = {"Failed": reason}, {"Failed": run_reason}
    _end_stage(book, stage, state, f"the stage has ended: {reason}", now)
    record = book.runs.get(stage["run"])
    if record is not None:
        _end(book, stage["run"], record, run_state, now)


def _end(book: Book, run: str, record: RunRecord, state: RunState, now: int) -> None:
    """The one place where a run's building ends: its open stages are skipped."""
    for opened in record["opened"]:
        stage = book.stage(stage_key(run, opened["name"]))
        if stage is not None and is_open(stage):
            _end_stage(book, stage, {"Skipped": None}, "the run has ended", now)
    _come_into(book, run, record, state, now)
    book.close_run(run, record)


def _end_stage(book: Book, stage: StageRecord, state: StageState, reason: str, now: int) -> None:
    if "Building" in stage["state"] and stage["verdict"] is None:
        # A round that is being revealed may stay open for days: it is not only closed to votes.
        stage["closed"] = False
        book.tell_round(stage)
    contents.drop_unstored(book, stage)
    book.shares.charge(stage, shares.leased(stage), now)
    job_rules.drop_unfinished(stage, reason)
    stage["state"] = state
    stage["upload_until_ns"] = 0
    book.save(stage)


# Approval and release


def approval_made(book: Book, run: str, approval: str, now: int) -> None:
    """`verification` has the approval request: people are asked, nothing is left to build.

    A wish to cancel the run stays: the request is withdrawn next.
    """
    record = book.runs.get(run)
    if record is not None and book.open_runs.contains_key(run):
        record["approval"] = approval
        record["release_error"] = None
        _end(book, run, record, {"Approving": None}, now)


def approval_failed(book: Book, run: str, reason: str, now: int) -> None:
    """The approval cannot be asked for: the run has failed, `retry` asks again."""
    record = book.runs.get(run)
    if record is not None and book.open_runs.contains_key(run):
        reason = reason[:MAX_TEXT_CHARS]
        record["release_error"] = reason
        record["approval_by_ns"] = 0
        if record["cancelled_by"] is not None:
            _cancel(book, run, record, record["cancelled_by"], now)
            return
        _end(book, run, record, {"Failed": reason}, now)


def record_release(book: Book, notice: ReleaseNotice, now: int) -> None:
    """Take news of the approval request or of the release. Repeated ones have no effect."""
    run = notice["run"]
    record = book.run(run)
    if record is None:
        raise not_found(f"there is no run {run[:64]}")
    if (notice["attempt"] or 1) != (record["approval_attempt"] or 1):
        # Of a request that ended before the run was tried again: it says nothing about this one.
        return
    if record["approval"] is None and book.open_runs.contains_key(run):
        # The notice overtook the answer that names the request.
        approval_made(book, run, notice["approval"], now)
        record = book.run(run)
    if record is None:
        return
    word, why = "", ""
    for name, value in notice["state"].items():
        word, why = name, str(value)
    state = rules.after_notice(record, notice["approval"], word, why)
    if state is None:
        return
    if "Rejected" in state and record["cancelled_by"] is not None:
        # No request stands any more, for whatever reason: that was what cancelling waited for.
        _cancel(book, run, record, record["cancelled_by"], now)
        return
    if notice["release"] is not None:
        record["release"] = notice["release"]
    record["release_error"] = why[:MAX_TEXT_CHARS] if word == "Failed" else None
    record["cancelled_by"] = None
    if state != record["state"]:
        _come_into(book, run, record, state, now)


def cancel(book: Book, run: str, caller: str, now: int) -> None:
    """Stop a run; its executors learn of it by their next heartbeat.

    While people are asked, or about to be, the request is withdrawn first, for it might be approved
    meanwhile: the run is Cancelled once `verification` has confirmed that no request stands.
    """
    record = book.run(run)
    if record is None:
        raise not_found(f"there is no run {run[:64]}: see list_runs")
    if "Cancelled" in record["state"]:
        return
    if "Releasing" in record["state"]:
        release = record["release"] or record["approval"] or "the release"
        raise conflict(
            f"{run} is approved and being released ({release}): cancel that release while it is "
            "Queued (`release cancel`), or roll it back (`release rollback`)"
        )
    if rules.is_asking(record):
        record["cancelled_by"] = record["cancelled_by"] or caller
        record["updated_ns"] = now
        book.runs.insert(run, record)
        book.ask_approval(run)
        return
    if not rules.is_building(record):
        raise conflict(f"{run} has ended already: it cannot be cancelled")
    _cancel(book, run, record, caller, now)


def _cancel(book: Book, run: str, record: RunRecord, caller: str, now: int) -> None:
    record["cancelled_by"] = None
    _end(book, run, record, {"Cancelled": f"cancelled by {caller}"}, now)


def cancelled(book: Book, run: str, now: int) -> None:
    """No approval request of the run stands any more: what was asked for is done."""
    record = book.runs.get(run)
    if record is not None and record["cancelled_by"] is not None:
        _cancel(book, run, record, record["cancelled_by"], now)


def cancel_refused(book: Book, run: str, now: int) -> None:
    """The request was decided before it could be withdrawn: the run goes on."""
    record = book.runs.get(run)
    if record is not None and record["cancelled_by"] is not None:
        record["cancelled_by"] = None
        record["updated_ns"] = now
        book.runs.insert(run, record)


def retry(book: Book, run: str, now: int) -> None:
    """Ask for the approval again when only that failed. What was built and agreed stays valid.

    A request that could not be made, was rejected, or found no answer in time is made anew.
    """
    record, stored = book.run(run), book.specs.get(run) if graph.is_name(run) else None
    if record is None or stored is None:
        raise not_found(f"there is no run {run[:64]}: see list_runs")
    failed = "Failed" in record["state"] and record["release_error"] is not None
    if not failed and "Rejected" not in record["state"]:
        raise conflict(
            f"{run} did not fail at its approval or release: only that can be tried again, "
            "start a new run for the rest"
        )
    if failed and record["approval"] is not None:
        raise conflict(
            f"{run} is approved by {record['approval']} and its release failed: "
            f"try that again with `dcanary release retry {record['approval']}`"
        )
    _refuse_full(book, record["source"]["repository"])
    if record["approval"] is not None:
        record["approval_attempt"] = (record["approval_attempt"] or 1) + 1
    record["approval"] = None
    record["release_error"] = None
    record["approval_by_ns"] = now + APPROVAL_WAIT_NS
    book.open_run(run, record)
    _come_into(book, run, record, {"Running": None}, now)
    book.ask_approval(run)
