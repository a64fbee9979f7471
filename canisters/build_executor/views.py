"""Records as callers see them. Every list costs its page, whatever there is in total."""

from kybra import Principal

from canisters.build_executor import executors, logs
from canisters.build_executor.book import Book, job_name, stage_key
from canisters.build_executor.dag import is_name
from canisters.build_executor.records import ExecutorRecord, JobRow, RunRecord, StageRecord
from shared.rules.limits import MAX_RUN_MANIFEST_BYTES
from shared.rules.paging import next_cursor, page_bounds
from shared.types.errors import invalid, not_found
from shared.types.paging import PageRequest
from shared.types.run import (
    Executor,
    ExecutorPageResult,
    ExecutorResult,
    Job,
    JobPageResult,
    LogResult,
    Run,
    RunPageResult,
    RunResult,
    StageState,
    StageStatus,
)


def get_run(book: Book, run: str) -> RunResult:
    record = book.run(run)
    if record is None:
        return {"Err": not_found(f"there is no run {run[:64]}: see list_runs")}
    return {"Ok": _run(book, run, record)}


def _run(book: Book, run: str, record: RunRecord) -> Run:
    stored = book.specs.get(run)
    names = [s["name"] for s in stored["spec"]["pipeline"]["stages"]] if stored is not None else []
    opened = {each["name"] for each in record["opened"]}
    running = "Queued" in record["state"] or "Running" in record["state"]
    unopened: StageState = {"Waiting": None} if running else {"Skipped": None}
    stages: list[StageStatus] = []
    for name in names:
        stage = book.stage(stage_key(run, name)) if name in opened else None
        stages.append(_stage(name, stage, unopened))
    return {
        "run": run,
        "delivery": record["delivery"],
        "source": record["source"],
        "pipeline_version": record["pipeline_version"],
        "state": record["state"],
        "stages": stages,
        "approval": record["approval"],
        "release": None,
        "started_by": None if stored is None else stored["spec"]["started_by"],
        "waiting_for": [],
        "created_ns": record["created_ns"],
        "updated_ns": record["updated_ns"],
    }


def _stage(name: str, stage: "StageRecord | None", unopened: StageState) -> StageStatus:
    if stage is None:
        return {"name": name, "state": unopened, "files": [], "stored": [], "instructions": 0}
    return {
        "name": name,
        "state": stage["state"],
        "files": [
            {"path": row["path"], "size": row["size"], "sha256": row["sha256"]}
            for row in stage["files"]
        ],
        "stored": [row["path"] for row in stage["files"] if row["stored"]],
        "instructions": stage["instructions"],
    }


def list_runs(book: Book, repository: "str | None", page: PageRequest) -> RunPageResult:
    """Newest first, of one repository or of all. A page ends early when its answer grows large."""
    if repository is None:
        total = book.run_index.len()
    else:
        total = (book.repository_runs.get(repository) or 0) if is_name(repository) else 0
    bounds = page_bounds(total, page["cursor"], page["limit"])
    if isinstance(bounds, str):
        return {"Err": invalid(bounds)}
    first, last = bounds
    items: list[Run] = []
    room = MAX_RUN_MANIFEST_BYTES
    for number in range(first, last - 1, -1):
        if repository is None:
            run = book.run_index.get(number) or ""
        else:
            run = book.repository_index.get(f"{repository}#{number}") or ""
        record = book.run(run)
        if record is None:
            continue
        room -= record["manifest_bytes"] + 100 * len(record["opened"]) + 1_000
        if room < 0 and items:
            last = number + 1
            break
        items.append(_run(book, run, record))
    return {"Ok": {"items": items, "next": next_cursor(last)}}


def list_jobs(book: Book, run: str, page: PageRequest) -> JobPageResult:
    """A run's jobs, those of the stage opened last first."""
    record = book.run(run)
    if record is None:
        return {"Err": not_found(f"there is no run {run[:64]}: see list_runs")}
    places = [(each["name"], n) for each in record["opened"] for n in range(each["jobs"])]
    bounds = page_bounds(len(places), page["cursor"], page["limit"])
    if isinstance(bounds, str):
        return {"Err": invalid(bounds)}
    first, last = bounds
    items: list[Job] = []
    stage: StageRecord | None = None
    for number in range(first, last - 1, -1):
        name, replica = places[number]
        if stage is None or stage["name"] != name:
            stage = book.stage(stage_key(run, name))
        if stage is not None:
            items.append(_job(stage, stage["jobs"][replica]))
    return {"Ok": {"items": items, "next": next_cursor(last)}}


def _job(stage: StageRecord, job: JobRow) -> Job:
    executor = job["executor"]
    return {
        "job": job_name(stage, job["replica"]),
        "run": stage["run"],
        "stage": stage["name"],
        "replica": job["replica"],
        "attempt": job["attempt"],
        "state": job["state"],
        "executor": None if executor is None else Principal.from_str(executor),
        "operator": job["operator"],
        "lease_until_ns": job["lease_until_ns"],
        "log_bytes": job["log_bytes"],
        "phase": None,
        "failures": [],
        "next_try_ns": None,
    }


def get_log(book: Book, name: str, offset: int) -> LogResult:
    found = book.job(name)
    if found is None:
        return {"Err": not_found(f"there is no job {name[:200]}: see list_jobs")}
    return logs.read(book, name, found[1], offset)


def executor(book: Book, principal: str, record: ExecutorRecord) -> Executor:
    return {
        "executor": Principal.from_str(principal),
        "operator": record["operator"],
        "runtimes": record["runtimes"],
        "offer": executors.offer_of(book, principal),
        "enabled": record["enabled"],
        "registered_ns": record["registered_ns"],
        "last_seen_ns": executors.last_seen_ns(book, principal, record),
        "jobs_leased": record["jobs_leased"],
        "jobs_committed": record["jobs_committed"],
        "leases_lost": record["leases_lost"],
    }


def get_executor(book: Book, principal: str) -> ExecutorResult:
    record = book.executors.get(principal)
    if record is None:
        return {"Err": not_found(f"{principal} is not registered: see list_executors")}
    return {"Ok": executor(book, principal, record)}


def list_executors(book: Book, page: PageRequest) -> ExecutorPageResult:
    """Registered last, first."""
    bounds = page_bounds(book.executor_index.len(), page["cursor"], page["limit"])
    if isinstance(bounds, str):
        return {"Err": invalid(bounds)}
    first, last = bounds
    items: list[Executor] = []
    for number in range(first, last - 1, -1):
        principal = book.executor_index.get(number) or ""
        record = book.executors.get(principal)
        if record is not None:
            items.append(executor(book, principal, record))
    return {"Ok": {"items": items, "next": next_cursor(last)}}
