"""The life of a run: queued, stage after stage in dependency order, one end."""

from canisters.build_executor import contents, dag, jobs
from canisters.build_executor.book import Book, is_open, stage_key
from canisters.build_executor.records import RunRecord, StageRecord
from shared.rules.limits import (
    APPROVAL_WAIT_NS,
    COMMIT_WINDOW_NS,
    MAX_OPEN_RUNS,
    MAX_TEXT_CHARS,
    REVEAL_WINDOW_NS,
    SECOND_NS,
    VERDICT_WAIT_NS,
)
from shared.types.errors import Done, Error, conflict, exhausted, invalid, not_found, too_large
from shared.types.pipeline import Stage
from shared.types.run import RunSpec, RunState, StageState


def fault(spec: RunSpec) -> "Error | None":
    """Why this run cannot be executed, or None."""
    source = spec["source"]
    if not dag.is_name(spec["run"]):
        return invalid("run: the id is not a name of 1 to 64 of a-z A-Z 0-9 . _ -")
    if not dag.is_name(source["repository"]):
        return invalid("source.repository is not a name of 1 to 64 of a-z A-Z 0-9 . _ -")
    for field, text in (
        ("delivery", spec["delivery"]),
        ("source.clone_url", source["clone_url"]),
        ("source.ref", source["ref"]),
        ("source.sha", source["sha"]),
        ("source.message", source["message"]),
        ("source.author", source["author"]),
    ):
        if len(text) > MAX_TEXT_CHARS:
            return too_large(f"{field} has {len(text)} characters, over {MAX_TEXT_CHARS}")
    why = dag.fault(spec["pipeline"]["stages"])
    if why is not None:
        return invalid(f"pipeline of {source['repository']}: {why}")
    deploy = spec["pipeline"]["deploy"]
    if deploy is not None and dag.find(spec["pipeline"]["stages"], deploy["stage"]) is None:
        return invalid(f"deploy.stage {deploy['stage'][:64]} is not a stage of this pipeline")
    return None


def enqueue(book: Book, spec: RunSpec, now: int) -> Done:
    """Take a run in and open its first stages. The same run again is Ok and changes nothing."""
    error = fault(spec)
    if error is not None:
        return {"Err": error}
    run = spec["run"]
    known = book.runs.get(run)
    if known is not None:
        if known["source"] == spec["source"] and known["delivery"] == spec["delivery"]:
            return {"Ok": None}
        return {"Err": conflict(f"{run} is already here for another commit or delivery")}
    if book.open_runs.len() >= MAX_OPEN_RUNS:
        return {"Err": exhausted(f"{MAX_OPEN_RUNS} runs are open (MAX_OPEN_RUNS): send it later")}
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
        "created_ns": now,
        "updated_ns": now,
    }
    book.specs.insert(run, {"version": 1, "spec": spec})
    book.open_runs.insert(run, sequence)
    book.run_index.insert(sequence, run)
    repository = spec["source"]["repository"]
    number = book.repository_runs.get(repository) or 0
    book.repository_index.insert(f"{repository}#{number}", run)
    book.repository_runs.insert(repository, number + 1)
    advance(book, run, record, spec, now)
    return {"Ok": None}


def advance(book: Book, run: str, record: RunRecord, spec: RunSpec, now: int) -> None:
    """Open every stage whose dependencies have succeeded; at the end ask for the approval."""
    stages = spec["pipeline"]["stages"]
    opened = {each["name"] for each in record["opened"]}
    for position in dag.ready(stages, opened, set(record["succeeded"])):
        stage = stages[position]
        record["opened"].append({"name": stage["name"], "jobs": stage["replicas"]})
        _open_stage(book, run, record, stage, position, now)
    record["updated_ns"] = now
    if len(record["succeeded"]) == len(stages):
        if spec["pipeline"]["deploy"] is None:
            _end(book, run, record, {"Succeeded": None}, now)
            return
        record["approval_by_ns"] = now + APPROVAL_WAIT_NS
        book.ask_approval(run)
    book.runs.insert(run, record)


def _open_stage(
    book: Book, run: str, record: RunRecord, stage: Stage, position: int, now: int
) -> None:
    commit_until_ns = now + COMMIT_WINDOW_NS + stage["resources"]["timeout_seconds"] * SECOND_NS
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
        "end_by_ns": commit_until_ns + REVEAL_WINDOW_NS + VERDICT_WAIT_NS,
        "round_open": False,
        "closing": False,
        "closed": False,
        "jobs": [jobs.new_row(replica) for replica in range(stage["replicas"])],
        "verdict": None,
        "files": [],
        "agreeing": [],
        "faults": [],
        "uploader": None,
        "upload_until_ns": 0,
        "upload_end_ns": None,
        "instructions": 0,
    }
    book.save(opened)
    book.tell_round(opened)


def mark_running(book: Book, run: str, now: int) -> None:
    """The first lease of a run."""
    record = book.runs.get(run)
    if record is not None and "Queued" in record["state"]:
        record["state"] = {"Running": None}
        record["updated_ns"] = now
        book.runs.insert(run, record)


def stage_succeeded(book: Book, stage: StageRecord, now: int) -> None:
    """All files of the stage are stored: go on with what depends on it."""
    stage["state"] = {"Succeeded": None}
    stage["upload_until_ns"] = 0
    book.save(stage)
    record = book.runs.get(stage["run"])
    spec = book.specs.get(stage["run"])
    if record is None or spec is None:
        return
    record["succeeded"].append(stage["name"])
    advance(book, stage["run"], record, spec["spec"], now)


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
    _end_stage(book, stage, state, f"the stage has ended: {reason}")
    record = book.runs.get(stage["run"])
    if record is not None:
        _end(book, stage["run"], record, run_state, now)


def approval_made(book: Book, run: str, approval: str, now: int) -> None:
    """`verification` has the approval request: the run has done its part."""
    record = book.runs.get(run)
    if record is not None and book.open_runs.contains_key(run):
        record["approval"] = approval
        _end(book, run, record, {"Succeeded": None}, now)


def run_failed(book: Book, run: str, reason: str, now: int) -> None:
    record = book.runs.get(run)
    if record is not None and book.open_runs.contains_key(run):
        _end(book, run, record, {"Failed": reason[:MAX_TEXT_CHARS]}, now)


def cancel(book: Book, run: str, caller: str, now: int) -> Done:
    """Stop a run; its executors learn of it by their next heartbeat."""
    record = book.run(run)
    if record is None:
        return {"Err": not_found(f"there is no run {run[:64]}: see list_runs")}
    if "Cancelled" in record["state"]:
        return {"Ok": None}
    if not book.open_runs.contains_key(run):
        return {"Err": conflict(f"{run} has ended already: it cannot be cancelled")}
    if record["approval_by_ns"] > 0:
        # The question may have been taken already: it could be approved under a cancelled run.
        return {
            "Err": conflict(f"{run} is asking for its approval: reject that instead of the run")
        }
    _end(book, run, record, {"Cancelled": f"cancelled by {caller}"}, now)
    return {"Ok": None}


def _end(book: Book, run: str, record: RunRecord, state: RunState, now: int) -> None:
    """The one place where a run ends: it leaves the open runs, its open stages are skipped."""
    for opened in record["opened"]:
        stage = book.stage(stage_key(run, opened["name"]))
        if stage is not None and is_open(stage):
            _end_stage(book, stage, {"Skipped": None}, "the run has ended")
    record["state"] = state
    record["updated_ns"] = now
    book.runs.insert(run, record)
    book.open_runs.remove(run)


def _end_stage(book: Book, stage: StageRecord, state: StageState, reason: str) -> None:
    if "Building" in stage["state"] and stage["verdict"] is None and not stage["closed"]:
        stage["closing"] = True
        book.tell_round(stage)
    contents.drop_unstored(book, stage)
    jobs.drop_unfinished(stage, reason)
    stage["state"] = state
    stage["upload_until_ns"] = 0
    book.save(stage)
