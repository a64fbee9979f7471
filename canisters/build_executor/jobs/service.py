"""Leases of jobs: who gets which work, for how long, and what ends it."""

from canisters.build_executor.artifacts import service as artifacts
from canisters.build_executor.artifacts import uploads
from canisters.build_executor.book import Book
from canisters.build_executor.executors import rules as executor_rules
from canisters.build_executor.executors import service as executors
from canisters.build_executor.jobs import revival, rules, shares
from canisters.build_executor.jobs.pauses import WEATHER, share_pause
from canisters.build_executor.keys import job_name, stage_key
from canisters.build_executor.logs import service as logs
from canisters.build_executor.records import (
    ExecutorRecord,
    JobRow,
    ResolutionRecord,
    StageRecord,
)
from canisters.build_executor.resolutions import service as resolutions
from canisters.build_executor.runs import graph
from canisters.build_executor.runs import service as runs
from canisters.build_executor.usage import service as usage
from shared.rules.digests import is_digest
from shared.rules.limits import MAX_HELD_JOBS
from shared.rules.names import name_problem
from shared.rules.refused import Refused, conflict, denied, invalid, not_found, too_large
from shared.types.executor import ExecutorOffer
from shared.types.job import (
    BuildWork,
    CommitmentInput,
    EarlierStage,
    GiveBack,
    Heartbeat,
    InputArtifact,
    Lease,
    LeaseRequest,
    Rebuild,
    Work,
)
from shared.types.pipeline import PipelineInput, Stage
from shared.types.run import File

COMMITMENT_BYTES = 32
MAX_PHASE_CHARS = 32


def has_work(book: Book, caller: str, request: LeaseRequest, now: int) -> bool:
    """Whether `lease_work` would now give this caller something to do.

    Also true while there is work and the caller has announced no offer: `lease_work` then says so.
    """
    if len(request["holds"]) > MAX_HELD_JOBS or not book.has_open_work():
        return False
    known = book.executor(caller)
    if known is None or not known[0]["enabled"]:
        return False
    if known[1] is None:
        return True
    if _ref_to_read(book, known[0]["operator"], request, now) is not None:
        return True
    return choose(book, caller, known[0], known[1], request, now) is not None


def _ref_to_read(
    book: Book, operator: str, request: LeaseRequest, now: int
) -> "tuple[str, ResolutionRecord] | None":
    """The run whose ref the caller is to read, if it has room for that."""
    room = request["room"]
    return book.resolutions.next_for(operator, now) if room is None or room["reads"] else None


def choose(
    book: Book,
    caller: str,
    record: ExecutorRecord,
    offer: "ExecutorOffer | None",
    request: LeaseRequest,
    now: int,
) -> "tuple[StageRecord, int] | None":
    """The stage and replica to lease. Uploads come first: a run is waiting for them.

    Without an offer there are only uploads: whether a stage fits is not known.
    """
    room = request["room"]
    if room is not None and not room["builds"]:
        return None
    holds = set(request["holds"])
    for stage in book.stored_by(caller) if holds else []:
        if stage["upload_until_ns"] <= now < stage["end_by_ns"]:
            replica = uploads.choose(stage, caller, holds, now)
            if replica is not None:
                return stage, replica
    if book.slots_taken(caller, now) >= executor_rules.slots_of(offer):
        return None
    return book.next_build(caller, record["operator"], now)


def lease_work(book: Book, caller: str, request: LeaseRequest, now: int) -> "Work | None":
    """Give the caller the work that it is to do next (see `shares`), or null.

    A ref to read comes in turn with jobs, so that neither waits for the other.
    """
    if len(request["holds"]) > MAX_HELD_JOBS:
        raise too_large(f"holds: name at most {MAX_HELD_JOBS} jobs (MAX_HELD_JOBS)")
    record, offer = executors.active(book, caller)
    resolving = None if offer is None else _ref_to_read(book, record["operator"], request, now)
    chosen = choose(book, caller, record, offer, request, now)
    record["last_seen_ns"] = now
    if resolving is not None and (chosen is None or not book.resolutions.is_turn_of_builds(caller)):
        book.resolutions.took_turn(caller, reads=True)
        book.save_executor(caller, record)
        return {"Resolve": resolutions.begin(book, *resolving, record["operator"], now)}
    if chosen is None and offer is None:
        raise conflict(
            f"{caller} has announced no offer: announce your offer first; "
            "one of version 0.1.0 cannot, start a newer one"
        )
    if chosen is None:
        book.save_executor(caller, record)
        return None
    stage, replica = chosen
    book.resolutions.took_turn(caller, reads=False)
    record["jobs_leased"] += 1
    book.save_executor(caller, record)
    apply_time(book, stage, now)
    if "Storing" in stage["state"]:
        return {"Upload": artifacts.begin(book, stage, replica, now)}
    return {"Build": _lease_build(book, stage, replica, caller, record["operator"], now)}


def apply_time(book: Book, stage: StageRecord, now: int) -> bool:
    """End the leases of a stage that ran out by `now`; True when there were any."""
    over = [job for job in shares.leased(stage) if job["lease_until_ns"] <= now]
    book.shares.charge(stage, over, now)
    lost = rules.expire(stage, now)
    for job in over:
        _pause_in_group(book, stage, job, now)
    uploader = uploads.expire(stage, now)
    if uploader is not None:
        lost.append(uploader)
    for executor in lost:
        executors.count_lost_lease(book, executor)
    return bool(lost)


def _pause_in_group(book: Book, stage: StageRecord, job: JobRow, now: int) -> None:
    """Whoever has just failed at a job pauses at all stages that share its bound of jobs at work.

    That costs as many writes as the group has stages. A lease that is restored ends the pause at
    its own stage alone: it says nothing about what its operator did at the others.
    """
    failures = job["failures"]
    if not failures:
        return
    last = failures[-1]
    held_ns = now - (job["leased_ns"] or now)
    reason = f"{stage['name']}: {last['reason']}"
    for other in book.sharing(stage):
        if share_pause(other, last["operator"], last["cause"], reason, held_ns, now):
            book.save(other)


def _lease_build(
    book: Book, stage: StageRecord, replica: int, caller: str, operator: str, now: int
) -> BuildWork:
    stored = book.specs.get(stage["run"])
    if stored is None:
        raise not_found(f"the pipeline of {stage['run']} is not here: report this")
    pipeline = stored["spec"]["pipeline"]
    definition = pipeline["stages"][stage["position"]]
    job = stage["jobs"][replica]
    name = job_name(stage, replica)
    book.begin_build(stage, now)
    rules.begin_lease(stage, job, caller, operator, now)
    logs.start_attempt(book, name, job, caller, now)
    book.save(stage)
    if not stage["round_open"]:
        book.tell_round(stage)
    runs.mark_running(book, stage["run"], now)
    return {
        "job": name,
        "run": stage["run"],
        "attempt": job["attempt"],
        "stage": definition,
        "environment": graph.environment(pipeline["environment"], definition["environment"]),
        "source": runs.source_of(book, stored["spec"]),
        "inputs": _inputs(book, stage["run"], pipeline["stages"], stage["name"]),
        "lease_until_ns": job["lease_until_ns"],
        "rebuild": _rebuild(book, stage["run"], pipeline, stage["name"]),
        "log_room": logs.room_of(job) - len(logs.cut_line(logs.room_of(job))) - 1,
    }


def _inputs(book: Book, run: str, stages: "list[Stage]", stage_name: str) -> "list[InputArtifact]":
    """Files of earlier stages; where two wrote the same path, the later stage's."""
    found: dict[str, InputArtifact] = {}
    for name in graph.ancestors(stages, stage_name):
        earlier, definition = book.stage(stage_key(run, name)), graph.find(stages, name)
        fetch = None if definition is None else definition["fetch"]
        for row in earlier["files"] if earlier is not None else []:
            # The manifest of packages is no file in the checkout, where another may have its path.
            key = row["path"] if fetch is None else f"/{name}"
            found[key] = {
                "stage": name,
                "file": {"path": row["path"], "size": row["size"], "sha256": row["sha256"]},
                "fetch": fetch,
                "kept": earlier is not None and earlier["kept"],
            }
    return list(found.values())


def _rebuild(book: Book, run: str, pipeline: PipelineInput, stage_name: str) -> "Rebuild | None":
    """How to build the files that stay with executors; None where no earlier stage keeps any."""
    stages = pipeline["stages"]
    kept = [each["name"] for each in graph.kept_ancestors(stages, stage_name)]
    wanted = set(kept)
    for name in kept:
        wanted.update(graph.ancestors(stages, name))
    found: list[EarlierStage] = []
    for name in graph.ancestors(stages, stage_name):
        earlier, definition = book.stage(stage_key(run, name)), graph.find(stages, name)
        if name in wanted and earlier is not None and definition is not None:
            files: list[File] = [
                {"path": row["path"], "size": row["size"], "sha256": row["sha256"]}
                for row in earlier["files"]
            ]
            found.append({"stage": definition, "files": files})
    return {"environment": pipeline["environment"], "stages": found} if found else None


def _job(book: Book, name: str) -> "tuple[StageRecord, JobRow]":
    found = book.job(name)
    if found is None:
        raise not_found(f"there is no job {name[:200]}: see list_jobs")
    return found


def _not_held(stage: StageRecord, job: JobRow, caller: str, attempt: int) -> "Refused | None":
    """Why the caller does not hold the lease of this attempt, or None."""
    name = job_name(stage, job["replica"])
    if attempt != job["attempt"]:
        return conflict(f"the lease of attempt {attempt} is over: {name} is at {job['attempt']}")
    if job["executor"] != caller:
        return denied(f"{caller} does not hold the lease of {name}: lease work first")
    if "Committed" in job["state"]:
        return conflict(f"{name} is committed already: its lease is over")
    if "Lost" in job["state"]:
        return conflict(f"{name} is lost: {job['state']['Lost']}")
    return None


def _expire_first(book: Book, stage: StageRecord, now: int) -> None:
    """What the timer has not yet done at `now` is done before a call is judged."""
    if apply_time(book, stage, now):
        book.save(stage)


def heartbeat(book: Book, caller: str, beat: Heartbeat, now: int) -> Lease:
    """Extend a lease and append to the log; `cancelled` when the work is no longer wanted."""
    stage, job = _job(book, beat["job"])
    _expire_first(book, stage, now)
    if _is_unwanted(job, caller, beat["attempt"]):
        return {"until_ns": now, "cancelled": True}
    is_back = _can_revive(book, stage, job, caller, beat["attempt"], now)
    # It may have leased other work since; a commitment takes no slot.
    if is_back and not _has_room(book, caller, now):
        is_back = False
    refusal = None if is_back else _not_held(stage, job, caller, beat["attempt"])
    if refusal is not None:
        raise refusal
    logs.check_piece(job, beat["offset"], beat["log"])
    if is_back:
        _revive(book, stage, job, caller, now)
    logs.append(book, beat["job"], job, beat["offset"], beat["log"], now)
    rules.extend(job, now)
    phase = beat["phase"]
    job["phase"] = None if phase is None else phase[:MAX_PHASE_CHARS]
    book.save(stage)
    return {"until_ns": job["lease_until_ns"], "cancelled": False}


def _can_revive(
    book: Book, stage: StageRecord, job: JobRow, caller: str, attempt: int, now: int
) -> bool:
    known = book.executor(caller)
    if known is None or not known[0]["enabled"]:
        return False
    return revival.can_revive(stage, job, caller, attempt, now)


def _has_room(book: Book, caller: str, now: int) -> bool:
    known = book.executor(caller)
    offer = None if known is None else known[1]
    return book.slots_taken(caller, now) < executor_rules.slots_of(offer)


def _revive(book: Book, stage: StageRecord, job: JobRow, caller: str, now: int) -> None:
    revival.revive(stage, job, now)
    executors.uncount_lost_lease(book, caller)


def _is_unwanted(job: JobRow, caller: str, attempt: int) -> bool:
    """True when the caller's own work was dropped, for a reason that lies elsewhere."""
    return "Lost" in job["state"] and job["executor"] == caller and job["attempt"] == attempt


def is_wanted(book: Book, name: str, attempt: int) -> bool:
    """Whether an attempt at a job may go on; False when its work was dropped.

    Cheap, for it is asked every few seconds. Who does not know is told True: heartbeats decide.
    """
    found = book.job(name)
    return found is None or attempt != found[1]["attempt"] or "Lost" not in found[1]["state"]


def release(book: Book, caller: str, given: GiveBack, now: int) -> None:
    """Take work back: a build is free for its next attempt, an upload for another executor."""
    stage, job = _job(book, given["job"])
    if "Storing" in stage["state"]:
        artifacts.release(book, caller, stage, job, "Unable" in given["cause"], now)
        return
    _expire_first(book, stage, now)
    refusal = _not_held(stage, job, caller, given["attempt"])
    if refusal is not None:
        raise refusal
    cause = WEATHER
    for name in given["cause"]:
        cause = name
    book.shares.charge(stage, [job], now)
    rules.end_lease(stage, job, cause, given["reason"], now)
    book.save(stage)
    _pause_in_group(book, stage, job, now)
    executors.note_contact(book, caller, now)


def commit(book: Book, caller: str, given: CommitmentInput, now: int) -> None:
    """Take an executor's sealed answer; `verification` hears of it next."""
    commitment, attempt = given["commitment"], given["attempt"]
    if len(commitment) != COMMITMENT_BYTES:
        raise invalid(f"commitment has {len(commitment)} bytes: a sha256 digest has 32")
    reused = given["reused"]
    problem = None if reused is None else name_problem("reused", reused)
    if problem is not None:
        raise invalid(problem)
    stage, job = _job(book, given["job"])
    _expire_first(book, stage, now)
    if _is_same_commitment(job, caller, attempt, commitment):
        return
    is_back = _can_revive(book, stage, job, caller, attempt, now)
    refusal = None if is_back else _not_held(stage, job, caller, attempt)
    if refusal is not None:
        raise refusal
    if is_back:
        _revive(book, stage, job, caller, now)
    book.shares.charge(stage, [job], now)
    job["state"] = {"Committed": None}
    job["commitment"] = commitment
    job["committed_ns"] = now
    job["lease_until_ns"] = 0
    job["phase"] = None
    log_sha256 = given["log_sha256"]
    if log_sha256 is not None and is_digest(log_sha256):
        job["log_sha256"] = log_sha256
        job["log_total"] = given["log_total"]
    job["wall_ns"] = given["wall_ns"]
    job["peak_memory_bytes"] = given["peak_memory_bytes"]
    job["reused"] = reused
    job["cpu_ns"] = given["cpu_ns"]
    job["storage_bytes"] = given["storage_bytes"]
    job["fetched_bytes"] = given["fetched_bytes"]
    usage.count(book, stage, job, now)
    rules.close_if_due(stage, now)
    book.tell_round(stage)
    book.save(stage)
    known = book.executor(caller)
    if known is not None:
        known[0]["jobs_committed"] += 1
        known[0]["last_seen_ns"] = now
        book.save_executor(caller, known[0])


def _is_same_commitment(job: JobRow, caller: str, attempt: int, commitment: bytes) -> bool:
    return (
        "Committed" in job["state"]
        and job["executor"] == caller
        and job["attempt"] == attempt
        and job["commitment"] == commitment
    )
