"""The life of a run until it is built: queued, stage after stage in dependency order."""

from canisters.build_executor.book import Book
from canisters.build_executor.jobs import rules as job_rules
from canisters.build_executor.jobs.pauses import shared_pauses
from canisters.build_executor.records import RunRecord, StageRecord
from canisters.build_executor.resolutions import rules as resolving
from canisters.build_executor.runs import graph, releasing, rules, targets
from canisters.build_executor.runs.ending import come_into, end, end_stage
from canisters.build_executor.serving import service as serving
from shared.rules.cutting import cut
from shared.rules.deploys import deploys_of
from shared.rules.keeping import stays_with_executors
from shared.rules.limits import (
    FEW_OPEN_RUNS,
    MAX_OPEN_RUNS,
    MAX_OPEN_RUNS_PER_REPOSITORY,
    MAX_TEXT_CHARS,
    REVEAL_WINDOW_NS,
    STORE_WINDOW_NS,
    VERDICT_WAIT_NS,
)
from shared.rules.refused import conflict, exhausted, not_found
from shared.rules.retries import timeouts_of
from shared.types.pipeline import PipelineInput
from shared.types.run import RunSpec, RunState, Source, StageState


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
        "targets": [targets.new_row(each["target"]) for each in deploys_of(spec["pipeline"])],
    }
    book.specs.insert(run, {"version": 1, "spec": spec})
    book.open_run(run, record)
    book.run_index.insert(sequence, run)
    repository = spec["source"]["repository"]
    number = book.repository_runs.get(repository) or 0
    book.repository_index.insert(f"{repository}#{number}", run)
    book.repository_runs.insert(repository, number + 1)
    if spec["source"]["sha"]:
        _advance(book, run, record, spec, now)
        return
    quorum = resolving.quorum_of(spec["pipeline"])
    until_ns = now + rules.queue_ns(spec["pipeline"])
    book.resolutions.save(run, resolving.opened(spec["source"], quorum, until_ns, now))
    book.runs.insert(run, record)


def begin(book: Book, run: str, commit: str, now: int) -> None:
    """Open the first stages of a run whose commit operators have read."""
    record, stored = book.runs.get(run), book.specs.get(run)
    if record is None or stored is None:
        return
    record["source"]["sha"] = commit
    _advance(book, run, record, stored["spec"], now)


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
        releasing.built(book, run, record, spec["pipeline"], now)
        return
    book.runs.insert(run, record)
    book.report(run)


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
    rebuild_seconds = sum(
        each["resources"]["timeout_seconds"] * timeouts_of(each["retry_causes"])
        for each in graph.kept_ancestors(pipeline["stages"], stage["name"])
    )
    timeouts = timeouts_of(stage["retry_causes"])
    seconds = stage["resources"]["timeout_seconds"] * timeouts + rebuild_seconds
    longest_ns = job_rules.lease_ns(seconds)
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
        "kept": stays_with_executors(stage),
        "rebuild_seconds": rebuild_seconds,
        "group": stage["group"],
        "parallel": stage["parallel"],
        "timeouts": timeouts,
    }
    opened["pauses"] = shared_pauses(book.sharing(opened)) or None
    book.save(opened)


def source_of(book: Book, spec: RunSpec) -> Source:
    """What a run builds: with the commit that operators have read, where it was started without."""
    source = spec["source"]
    record = None if source["sha"] else book.runs.get(spec["run"])
    if record is None:
        return source
    return {
        "repository": source["repository"],
        "clone_url": source["clone_url"],
        "ref": source["ref"],
        "sha": record["source"]["sha"],
        "message": source["message"],
        "author": source["author"],
    }


def store_window_ns(stage: StageRecord) -> int:
    """How long agreed bytes may be waited for: the queue time of the stage, as its builds had."""
    opened_ns = stage["opened_ns"]
    if opened_ns is None:
        return STORE_WINDOW_NS
    return max(STORE_WINDOW_NS, stage["commit_until_ns"] - opened_ns)


def mark_running(book: Book, run: str, now: int) -> None:
    """The first lease of a run."""
    record = book.runs.get(run)
    if record is not None and "Queued" in record["state"]:
        come_into(book, run, record, {"Running": None}, now)


def stage_succeeded(book: Book, stage: StageRecord, now: int) -> None:
    """All files of the stage are stored, or stay with executors: go on with what depends on it."""
    stage["state"] = {"Succeeded": None}
    stage["upload_until_ns"] = 0
    book.save(stage)
    if not stage["kept"]:
        serving.certify(book, stage)
    record = book.runs.get(stage["run"])
    spec = book.specs.get(stage["run"])
    if record is None or spec is None:
        return
    record["succeeded"].append(stage["name"])
    _advance(book, stage["run"], record, spec["spec"], now)


def stage_failed(book: Book, stage: StageRecord, kind: str, reason: str, now: int) -> None:
    """End a stage, and its run with it, as `kind`: Failed, Disagreed or Inconclusive."""
    reason = cut(reason, MAX_TEXT_CHARS)
    run_reason = cut(f"stage {stage['name']}: {reason}", MAX_TEXT_CHARS)
    state: StageState
    run_state: RunState
    if kind == "Disagreed":
        state, run_state = {"Disagreed": reason}, {"Disagreed": run_reason}
    elif kind == "Inconclusive":
        state, run_state = {"Inconclusive": reason}, {"Inconclusive": run_reason}
    else:
        state, run_state = {"Failed": reason}, {"Failed": run_reason}
    end_stage(book, stage, state, f"the stage has ended: {reason}", now)
    record = book.runs.get(stage["run"])
    if record is not None:
        end(book, stage["run"], record, run_state, now)


def cancel(book: Book, run: str, caller: str, now: int) -> None:
    """Stop a run; its executors learn of it by their next heartbeat.

    While people are asked, or about to be, the requests are withdrawn first, for they might be
    approved meanwhile: the run is Cancelled once `verification` has confirmed that none stands.
    """
    record = book.run(run)
    if record is None:
        raise not_found(f"there is no run {run[:64]}: see list_runs")
    if "Cancelled" in record["state"]:
        return
    if releasing.cancel(book, run, record, caller, now):
        return
    if not rules.is_building(record):
        raise conflict(f"{run} has ended already: it cannot be cancelled")
    end(book, run, record, {"Cancelled": f"cancelled by {caller}"}, now)


def retry(book: Book, run: str, now: int) -> None:
    """Ask for the approvals again when only that failed. What was built and agreed stays valid.

    A request that could not be made, was rejected, found no answer in time, or whose release failed
    is made anew, and so is one that waits for people: it is withdrawn. Targets that were released
    stay so.
    """
    record = book.run(run)
    if record is None or not book.specs.contains_key(run):
        raise not_found(f"there is no run {run[:64]}: see list_runs")
    releasing.refuse_retry(book, run, record)
    _refuse_full(book, record["source"]["repository"])
    releasing.retry(book, run, record, now)
