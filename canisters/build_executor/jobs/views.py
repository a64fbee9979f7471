"""Jobs as callers see them. Every list costs its page, whatever there is in total."""

from kybra import Principal

from canisters.build_executor.book import Book
from canisters.build_executor.jobs.pauses import NEVER_NS, pauses_of
from canisters.build_executor.keys import job_name, stage_key
from canisters.build_executor.logs import service as logs
from canisters.build_executor.records import JobRow, StageRecord
from canisters.build_executor.usage import rules as usage
from shared.base.pages import collect
from shared.rules.limits import MAX_OPEN_RUNS
from shared.rules.refused import not_found
from shared.types.job import Job, JobPage, Log
from shared.types.paging import PageRequest
from shared.types.queue import QueuedStage, QueueStatus


def page(book: Book, run: str, request: PageRequest, now: int) -> JobPage:
    """A run's jobs, those of the stage opened last first."""
    record = book.run(run)
    if record is None:
        raise not_found(f"there is no run {run[:64]}: see list_runs")
    places = [(each["name"], n) for each in record["opened"] for n in range(each["jobs"])]

    def item(number: int) -> "Job | None":
        name, replica = places[number]
        stage = book.stage(stage_key(run, name))
        return None if stage is None else shown(stage, stage["jobs"][replica], now)

    items, cursor = collect(len(places), request, item)
    return {"items": items, "next": cursor}


def shown(stage: StageRecord, job: JobRow, now: int) -> Job:
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
        "phase": job["phase"],
        "failures": job["failures"] or [],
        "next_try_ns": next_try_ns(stage, job, now),
        "reused": job["reused"],
        "usage": usage.of_job(job),
        "log_sha256": job["log_sha256"],
        "log_total": job["log_total"],
    }


def queue(book: Book, request: PageRequest) -> QueueStatus:
    """What is open, and a page of the open stages: those of older runs first."""
    total = book.open_stage_count()
    stages, cursor = collect(
        total, request, lambda number: _queued(book.open_stage_at(total - 1 - number))
    )
    return {
        "runs": book.open_runs.len(),
        "most_runs": MAX_OPEN_RUNS,
        "open_stages": total,
        "executors": book.executor_index.len(),
        "stages": stages,
        "next": cursor,
    }


def _queued(stage: StageRecord) -> QueuedStage:
    states = [state for job in stage["jobs"] for state in job["state"]]
    return {
        "run": stage["run"],
        "stage": stage["name"],
        "repository": stage["repository"],
        "state": stage["state"],
        "waiting": states.count("Queued"),
        "at_work": states.count("Leased"),
        "done": states.count("Committed"),
        "opened_ns": stage["opened_ns"],
    }


def next_try_ns(stage: StageRecord, job: JobRow, now: int) -> "int | None":
    """When one that failed at this stage is asked again; None when the job is not free for it.

    Pauses that are over, and those of operators that have another job of the stage, hold nobody up.
    """
    if "Queued" not in job["state"] or "Building" not in stage["state"]:
        return None
    taken = {each["operator"] for each in stage["jobs"]}
    waiting = [
        each["until_ns"]
        for each in pauses_of(stage)
        if now < each["until_ns"] < NEVER_NS and each["operator"] not in taken
    ]
    return min(waiting, default=None)


def get_log(book: Book, name: str, offset: int) -> Log:
    found = book.job(name)
    if found is None:
        raise not_found(f"there is no job {name[:200]}: see list_jobs")
    return logs.read(book, name, found[1], offset)
