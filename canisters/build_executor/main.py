"""Entry points of the build executor canister: decode, authorise, call the rules, encode."""

from typing import TypeVar

from kybra import (
    Opt,
    Principal,
    ic,
    nat64,
    post_upgrade,
    query,
    text,
    update,
    void,
)

from canisters.build_executor import artifacts, dispatch, executors, leases, runs, verdicts, views
from canisters.build_executor.store import book, grants, instruction_totals, wiring
from shared.base.access import refuse_unless, refuse_unless_sibling
from shared.base.canister import Canister, serve
from shared.base.endpoints import (
    grant_role,
    health,
    initialise,
    inspect,
    instructions,
    list_grants,
    revoke_role,
    siblings,
    wire,
)
from shared.base.metering import counted
from shared.rules.limits import MAX_ARGUMENT_BYTES, MAX_CHUNK_BYTES
from shared.types.attestation import VerdictNotice
from shared.types.errors import Done
from shared.types.paging import PageRequest
from shared.types.run import (
    ChunkInput,
    ChunkRequest,
    ChunkResult,
    CommitmentInput,
    ExecutorInput,
    ExecutorOffer,
    ExecutorPageResult,
    ExecutorResult,
    GiveBack,
    Heartbeat,
    JobPageResult,
    LeaseRequest,
    LeaseResult,
    LogResult,
    RunPageResult,
    RunResult,
    RunSpec,
    WorkResult,
)

serve(
    Canister(
        name="build_executor",
        grants=grants,
        wiring=wiring,
        totals=instruction_totals,
        callers={
            "enqueue_run": "pipeline_config",
            "record_verdict": "verification",
            "announce_offer": "a registered, enabled executor",
            "lease_work": "a registered, enabled executor",
            "heartbeat": "the executor that holds the lease",
            "release_work": "the executor that holds the lease",
            "submit_commitment": "the executor that holds the lease",
            "upload_chunk": "the executor that holds the upload",
            "finish_upload": "the executor that holds the upload",
            "cancel_run": "Operator",
            "register_executor": "Admin",
            "set_executor_enabled": "Admin",
        },
        argument_bytes={"upload_chunk": MAX_ARGUMENT_BYTES + MAX_CHUNK_BYTES},
        records=book.run_index.len,
        open_work=book.open_runs.len,
        wired=dispatch.outbox.wake,
    )
)

T = TypeVar("T")


def caller() -> str:
    return ic.caller().to_str()


def finished(method: str, result: T) -> T:
    """End of an update that changed something: messages and timers, then the count."""
    dispatch.follow_up()
    return counted(instruction_totals, method, result)


@post_upgrade
def resume() -> void:
    dispatch.resume()


@update
def enqueue_run(spec: RunSpec) -> Done:
    error = refuse_unless_sibling(wiring, caller(), "pipeline_config")
    if error is not None:
        return {"Err": error}
    book.begin()
    return finished("enqueue_run", runs.enqueue(book, spec, ic.time()))


@update
def record_verdict(notice: VerdictNotice) -> Done:
    error = refuse_unless_sibling(wiring, caller(), "verification")
    if error is not None:
        return {"Err": error}
    book.begin()
    return finished("record_verdict", verdicts.record(book, notice, ic.time()))


@query
def has_work(request: LeaseRequest) -> bool:
    return leases.has_work(book, caller(), request, ic.time())


@update
def lease_work(request: LeaseRequest) -> WorkResult:
    book.begin()
    return finished("lease_work", leases.lease_work(book, caller(), request, ic.time()))


@update
def heartbeat(beat: Heartbeat) -> LeaseResult:
    book.begin()
    result = leases.heartbeat(
        book, caller(), beat["job"], beat["attempt"], beat["offset"], beat["log"], ic.time()
    )
    return finished("heartbeat", result)


@update
def release_work(given: GiveBack) -> Done:
    book.begin()
    result = leases.release(
        book, caller(), given["job"], given["attempt"], given["reason"], ic.time()
    )
    return finished("release_work", result)


@update
def announce_offer(offer: ExecutorOffer) -> Done:
    result = executors.announce(book, caller(), offer, ic.time())
    return counted(instruction_totals, "announce_offer", result)


@update
def submit_commitment(commitment: CommitmentInput) -> Done:
    book.begin()
    result = leases.commit(
        book,
        caller(),
        commitment["job"],
        commitment["attempt"],
        commitment["commitment"],
        commitment["wall_ns"],
        commitment["peak_memory_bytes"],
        ic.time(),
    )
    return finished("submit_commitment", result)


@update
def upload_chunk(chunk: ChunkInput) -> Done:
    book.begin()
    result = artifacts.upload_chunk(
        book,
        caller(),
        chunk["run"],
        chunk["stage"],
        chunk["path"],
        chunk["index"],
        chunk["content"],
        ic.time(),
    )
    return finished("upload_chunk", result)


@update
def finish_upload(run: text, stage: text, path: text) -> Done:
    book.begin()
    result = artifacts.finish_upload(book, caller(), run, stage, path, ic.time())
    return finished("finish_upload", result)


@update
def cancel_run(run: text) -> Done:
    error = refuse_unless(grants, caller(), "Operator")
    if error is not None:
        return {"Err": error}
    book.begin()
    return finished("cancel_run", runs.cancel(book, run, caller(), ic.time()))


@update
def register_executor(executor: ExecutorInput) -> ExecutorResult:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    principal = executor["executor"].to_str()
    error = executors.register(
        book, principal, executor["operator"], executor["runtimes"], ic.time()
    )
    result: ExecutorResult
    if error is not None:
        result = {"Err": error}
    else:
        result = views.get_executor(book, principal)
    return counted(instruction_totals, "register_executor", result)


@update
def set_executor_enabled(executor: Principal, enabled: bool) -> Done:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    book.begin()
    result = executors.set_enabled(book, executor.to_str(), enabled, ic.time())
    return finished("set_executor_enabled", result)


@query
def list_executors(page: PageRequest) -> ExecutorPageResult:
    return views.list_executors(book, page)


@query
def get_run(run: text) -> RunResult:
    return views.get_run(book, run)


@query
def list_runs(repository: Opt[text], page: PageRequest) -> RunPageResult:
    return views.list_runs(book, repository, page)


@query
def list_jobs(run: text, page: PageRequest) -> JobPageResult:
    return views.list_jobs(book, run, page)


@query
def get_log(job: text, offset: nat64) -> LogResult:
    return views.get_log(book, job, offset)


@query
def read_chunk(request: ChunkRequest) -> ChunkResult:
    return artifacts.read_chunk(book, request)
