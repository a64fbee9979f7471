"""Leases of jobs: who gets which work, for how long, and what ends it."""

from canisters.build_executor import dag, executors, jobs, logs, runs, uploads
from canisters.build_executor.book import Book, job_name, stage_key
from canisters.build_executor.records import ExecutorRecord, JobRow, StageRecord
from shared.rules.limits import (
    LEASE_NS,
    MAX_HELD_JOBS,
    MAX_LEASES_PER_EXECUTOR,
    MAX_TEXT_CHARS,
)
from shared.types.errors import Done, Error, conflict, denied, invalid, not_found, too_large
from shared.types.run import (
    BuildWork,
    InputArtifact,
    LeaseRequest,
    LeaseResult,
    WorkResult,
)

COMMITMENT_BYTES = 32


def has_work(book: Book, caller: str, request: LeaseRequest, now: int) -> bool:
    """True exactly when `lease_work` would now give this caller something to do."""
    if request_fault(request) is not None or not book.open_stages():
        return False
    record, _ = executors.active(book, caller)
    return record is not None and choose(book, caller, record, request, now) is not None


def request_fault(request: LeaseRequest) -> "Error | None":
    if len(request["holds"]) > MAX_HELD_JOBS:
        return too_large(f"holds: name at most {MAX_HELD_JOBS} jobs (MAX_HELD_JOBS)")
    return None


def choose(
    book: Book, caller: str, record: ExecutorRecord, request: LeaseRequest, now: int
) -> "tuple[StageRecord, int] | None":
    """The stage and replica to lease. Uploads come first: a run is waiting for them."""
    can_run = executors.runtimes_of(book, caller, record)
    holds = set(request["holds"])
    held = 0
    build: tuple[StageRecord, int] | None = None
    upload: tuple[StageRecord, int] | None = None
    for stage in book.open_stages():
        if now >= stage["end_by_ns"]:
            continue
        if "Storing" in stage["state"]:
            if stage["upload_until_ns"] > now:
                if executors.uploader_of(stage) == caller:
                    held += 1
            elif upload is None and holds:
                replica = uploads.choose(stage, caller, holds, now)
                upload = None if replica is None else (stage, replica)
            continue
        for job in stage["jobs"]:
            if job["executor"] == caller and "Leased" in job["state"]:
                held += job["lease_until_ns"] > now
        if build is None and not can_run.isdisjoint(stage["runtime"]):
            build = _build_for(stage, caller, record["operator"], now)
    if held >= MAX_LEASES_PER_EXECUTOR:
        return None
    return upload or build


def _build_for(
    stage: StageRecord, caller: str, operator: str, now: int
) -> "tuple[StageRecord, int] | None":
    for job in stage["jobs"]:
        if jobs.is_free_for(caller, stage, job, now):
            taken = jobs.is_taken_by(stage, operator, now)
            return None if taken else (stage, job["replica"])
    return None


def lease_work(book: Book, caller: str, request: LeaseRequest, now: int) -> WorkResult:
    """Give the caller the oldest work that it may do, or null."""
    error = request_fault(request)
    if error is not None:
        return {"Err": error}
    record, error = executors.active(book, caller)
    if record is None:
        return {"Err": error or denied(f"{caller} may not work here")}
    chosen = choose(book, caller, record, request, now)
    record["last_seen_ns"] = now
    if chosen is None:
        book.executors.insert(caller, record)
        return {"Ok": None}
    stage, replica = chosen
    record["jobs_leased"] += 1
    book.executors.insert(caller, record)
    uploads.settle(book, stage, now)
    if "Storing" in stage["state"]:
        return {"Ok": {"Upload": uploads.lease(book, stage, replica, now)}}
    work = _lease_build(book, stage, replica, caller, record["operator"], now)
    if work is None:
        return {"Err": not_found(f"the pipeline of {stage['run']} is not here: report this")}
    return {"Ok": {"Build": work}}


def _lease_build(
    book: Book, stage: StageRecord, replica: int, caller: str, operator: str, now: int
) -> "BuildWork | None":
    stored = book.specs.get(stage["run"])
    if stored is None:
        return None
    pipeline = stored["spec"]["pipeline"]
    definition = pipeline["stages"][stage["position"]]
    job = stage["jobs"][replica]
    name = job_name(stage, replica)
    job["state"] = {"Leased": None}
    job["executor"] = caller
    job["operator"] = operator
    job["lease_until_ns"] = now + LEASE_NS
    logs.start_attempt(book, name, job, caller)
    book.save(stage)
    runs.mark_running(book, stage["run"], now)
    return {
        "job": name,
        "run": stage["run"],
        "attempt": job["attempt"],
        "stage": definition,
        "environment": dag.environment(pipeline["environment"], definition["environment"]),
        "source": stored["spec"]["source"],
        "inputs": _inputs(book, stage["run"], dag.ancestors(pipeline["stages"], stage["name"])),
        "lease_until_ns": job["lease_until_ns"],
    }


def _inputs(book: Book, run: str, ancestors: "list[str]") -> "list[InputArtifact]":
    """Files of earlier stages; where two wrote the same path, the later stage's."""
    found: dict[str, InputArtifact] = {}
    for name in ancestors:
        earlier = book.stage(stage_key(run, name))
        for row in earlier["files"] if earlier is not None else []:
            found[row["path"]] = {
                "stage": name,
                "file": {"path": row["path"], "size": row["size"], "sha256": row["sha256"]},
            }
    return list(found.values())


def _held(
    book: Book, caller: str, name: str, attempt: int, now: int
) -> "tuple[StageRecord, JobRow] | Error":
    """The job and its stage while the caller holds its lease, else the reason why it does not."""
    found = book.job(name)
    if found is None:
        return not_found(f"there is no job {name[:200]}: see list_jobs")
    stage, job = found
    if uploads.settle(book, stage, now):
        book.save(stage)
    if attempt != job["attempt"]:
        return conflict(f"the lease of attempt {attempt} is over: {name} is at {job['attempt']}")
    if job["executor"] != caller:
        return denied(f"{caller} does not hold the lease of {name}: lease work first")
    if "Committed" in job["state"]:
        return conflict(f"{name} is committed already: its lease is over")
    if "Lost" in job["state"]:
        return conflict(f"{name} is lost: {job['state']['Lost']}")
    return stage, job


def heartbeat(
    book: Book, caller: str, name: str, attempt: int, offset: int, log: bytes, now: int
) -> LeaseResult:
    """Extend a lease and append to the log; `cancelled` when the work is no longer wanted."""
    held = _held(book, caller, name, attempt, now)
    if not isinstance(held, tuple):
        found = book.job(name)
        if found is not None and _is_unwanted(found[1], caller, attempt):
            return {"Ok": {"until_ns": now, "cancelled": True}}
        return {"Err": held}
    stage, job = held
    error = logs.fault(job, offset, log)
    if error is not None:
        return {"Err": error}
    logs.append(book, name, job, offset, log)
    job["lease_until_ns"] = now + LEASE_NS
    book.save(stage)
    return {"Ok": {"until_ns": job["lease_until_ns"], "cancelled": False}}


def _is_unwanted(job: JobRow, caller: str, attempt: int) -> bool:
    """True when the caller's own work was dropped, which is not its fault."""
    return "Lost" in job["state"] and job["executor"] == caller and job["attempt"] == attempt


def release(book: Book, caller: str, name: str, attempt: int, reason: str, now: int) -> Done:
    """Give work back: a build goes to its next attempt, an upload to another executor."""
    found = book.job(name)
    if found is not None and "Storing" in found[0]["state"]:
        return uploads.release(book, caller, found[0], found[1], now)
    held = _held(book, caller, name, attempt, now)
    if not isinstance(held, tuple):
        return {"Err": held}
    stage, job = held
    job["given_back_by"] = caller
    job["ask_again_ns"] = now + jobs.GIVEN_BACK_PAUSE_NS
    jobs.give_back(job, f"given back: {reason}"[: MAX_TEXT_CHARS // 2])
    jobs.close_if_complete(book, stage)
    book.save(stage)
    return {"Ok": None}


def commit(
    book: Book,
    caller: str,
    name: str,
    attempt: int,
    commitment: bytes,
    wall_ns: int,
    peak_memory_bytes: int,
    now: int,
) -> Done:
    """Take an executor's sealed answer; `verification` hears of it next."""
    if len(commitment) != COMMITMENT_BYTES:
        return {"Err": invalid(f"commitment has {len(commitment)} bytes: a sha256 digest has 32")}
    held = _held(book, caller, name, attempt, now)
    if not isinstance(held, tuple):
        found = book.job(name)
        if found is not None and _is_same_commitment(found[1], caller, attempt, commitment):
            return {"Ok": None}
        return {"Err": held}
    stage, job = held
    job["state"] = {"Committed": None}
    job["commitment"] = commitment
    job["lease_until_ns"] = 0
    job["wall_ns"] = wall_ns
    job["peak_memory_bytes"] = peak_memory_bytes
    jobs.close_if_complete(book, stage)
    book.tell_round(stage)
    book.save(stage)
    record = book.executors.get(caller)
    if record is not None:
        record["jobs_committed"] += 1
        record["last_seen_ns"] = now
        book.executors.insert(caller, record)
    return {"Ok": None}


def _is_same_commitment(job: JobRow, caller: str, attempt: int, commitment: bytes) -> bool:
    return (
        "Committed" in job["state"]
        and job["executor"] == caller
        and job["attempt"] == attempt
        and job["commitment"] == commitment
    )
