"""Entry points of the build executor canister."""

from collections.abc import Callable
from typing import TypeVar

from kybra import (
    Async,
    Opt,
    Principal,
    Vec,
    ic,
    nat16,
    nat64,
    post_upgrade,
    query,
    text,
    update,
    void,
)

from canisters.build_executor import outbox
from canisters.build_executor.artifacts import service as artifacts
from canisters.build_executor.executors import service as executors
from canisters.build_executor.executors import views as executor_views
from canisters.build_executor.jobs import leases
from canisters.build_executor.jobs import service as jobs
from canisters.build_executor.jobs import views as job_views
from canisters.build_executor.resolutions import service as resolutions
from canisters.build_executor.rounds import service as rounds
from canisters.build_executor.runs import releasing, retrying
from canisters.build_executor.runs import service as runs
from canisters.build_executor.runs import views as run_views
from canisters.build_executor.serving import service as serving
from canisters.build_executor.store import book, grants, instruction_totals, outgoing, wiring
from canisters.build_executor.usage import views as usage_views
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
from shared.base.pages import FIRST_PAGE
from shared.base.results import answer, answer_async, answer_query
from shared.rules.limits import MAX_ARGUMENT_BYTES, MAX_CHUNK_BYTES
from shared.types.attestation import VerdictNotice
from shared.types.errors import Done
from shared.types.executor import (
    Executor,
    ExecutorInput,
    ExecutorOffer,
    ExecutorPageResult,
    ExecutorResult,
)
from shared.types.http import HttpRequest
from shared.types.job import (
    ChunkInput,
    ChunkRequest,
    ChunkResult,
    CommitmentInput,
    GiveBack,
    Heartbeat,
    JobPageResult,
    LeaseRequest,
    LeaseResult,
    LogResult,
    RefReading,
    StageProblem,
    WorkResult,
)
from shared.types.paging import PageRequest
from shared.types.pipeline import Stage
from shared.types.queue import (
    ExecutorHealthResult,
    ExecutorPerformanceResult,
    QueueStatusResult,
)
from shared.types.release import ReleaseNotice
from shared.types.run import RunPageResult, RunResult, RunSpec
from shared.types.secret import LeaseGrantResult
from shared.types.streaming import FileResponse, StreamPiece, StreamToken
from shared.types.usage import UsageOf, UsagePageResult


def publish_files() -> None:
    """Set the certified data, which an upgrade does not keep."""
    book.publish(serving.certified_data(book))


def wired() -> None:
    outbox.outbox.wake()
    publish_files()


serve(
    Canister(
        name="build_executor",
        grants=grants,
        wiring=wiring,
        totals=instruction_totals,
        callers={
            "enqueue_run": "pipeline_config",
            "secrets_changed": "pipeline_config",
            "record_verdict": "verification",
            "record_release": "verification",
            "announce_offer": "a registered, enabled executor",
            "lease_work": "a registered, enabled executor",
            "report_ref": "a registered, enabled executor",
            "heartbeat": "the executor that holds the lease",
            "release_work": "the executor that holds the lease",
            "submit_commitment": "the executor that holds the lease",
            "upload_chunk": "the executor that holds the upload",
            "finish_upload": "the executor that holds the upload",
            "cancel_run": "Operator",
            "retry_run": "Operator",
            "register_executor": "Admin",
            "set_executor_enabled": "Admin",
        },
        argument_bytes={"upload_chunk": MAX_ARGUMENT_BYTES + MAX_CHUNK_BYTES},
        records=book.run_index.len,
        open_work=book.open_runs.len,
        wired=wired,
    )
)

T = TypeVar("T")


def caller() -> str:
    return ic.caller().to_str()


def followed(work: "Callable[[], T]") -> "Callable[[], T]":
    """Work that begins a message of the book, and sends what it asked for, also when refused."""

    def do() -> T:
        book.begin()
        try:
            return work()
        finally:
            outbox.follow_up()

    return do


@post_upgrade
def resume() -> void:
    outbox.resume()
    publish_files()


@update
def enqueue_run(spec: RunSpec) -> Done:
    return answer("enqueue_run", followed(lambda: runs.enqueue(book, spec, ic.time())))


@update
def record_verdict(notice: VerdictNotice) -> Done:
    return answer(
        "record_verdict", followed(lambda: rounds.record_verdict(book, notice, ic.time()))
    )


@update
def record_release(notice: ReleaseNotice) -> Done:
    return answer(
        "record_release", followed(lambda: releasing.record_release(book, notice, ic.time()))
    )


@query
def has_work(request: LeaseRequest) -> bool:
    return jobs.has_work(book, caller(), request, ic.time())


@update
def lease_work(request: LeaseRequest) -> WorkResult:
    return answer(
        "lease_work", followed(lambda: jobs.lease_work(book, caller(), request, ic.time()))
    )


@update
def report_ref(reading: RefReading) -> Done:
    return answer(
        "report_ref", followed(lambda: resolutions.report(book, caller(), reading, ic.time()))
    )


@update
def heartbeat(beat: Heartbeat) -> LeaseResult:
    return answer("heartbeat", followed(lambda: jobs.heartbeat(book, caller(), beat, ic.time())))


@query
def is_wanted(job: text, attempt: nat16) -> bool:
    return jobs.is_wanted(book, job, attempt)


@update
def release_work(given: GiveBack) -> Done:
    return answer("release_work", followed(lambda: jobs.release(book, caller(), given, ic.time())))


@update
def announce_offer(offer: ExecutorOffer) -> Done:
    return answer(
        "announce_offer", followed(lambda: executors.announce(book, caller(), offer, ic.time()))
    )


@update
def submit_commitment(commitment: CommitmentInput) -> Done:
    return answer(
        "submit_commitment",
        followed(lambda: jobs.commit(book, caller(), commitment, ic.time())),
    )


@update
def upload_chunk(chunk: ChunkInput) -> Done:
    return answer(
        "upload_chunk", followed(lambda: artifacts.upload_chunk(book, caller(), chunk, ic.time()))
    )


@update
def finish_upload(run: text, stage: text, path: text) -> Done:
    return answer(
        "finish_upload",
        followed(lambda: artifacts.finish_upload(book, caller(), run, stage, path, ic.time())),
    )


@update
def cancel_run(run: text) -> Done:
    return answer("cancel_run", followed(lambda: runs.cancel(book, run, caller(), ic.time())))


def asked_anew(run: str) -> "Async[None]":
    yield from retrying.check_asking(run)
    followed(lambda: runs.retry(book, run, ic.time()))()


@update
def retry_run(run: text) -> Async[Done]:
    return answer_async("retry_run", lambda: asked_anew(run))


def registered(executor: ExecutorInput) -> Executor:
    principal = executor["executor"].to_str()
    executors.register(book, principal, executor["operator"], executor["runtimes"], ic.time())
    return executor_views.get(book, principal, ic.time())


@update
def register_executor(executor: ExecutorInput) -> ExecutorResult:
    return answer("register_executor", followed(lambda: registered(executor)))


@update
def set_executor_enabled(executor: Principal, enabled: bool) -> Done:
    return answer(
        "set_executor_enabled",
        followed(lambda: executors.set_enabled(book, executor.to_str(), enabled, ic.time())),
    )


@update
def secrets_changed() -> Done:
    return answer("secrets_changed", followed(lambda: executors.forget_unable(book)))


@query
def get_lease(job: text, attempt: nat16, executor: Principal) -> LeaseGrantResult:
    return answer_query(lambda: leases.get(book, job, attempt, executor.to_str(), ic.time()))


@query
def list_executors(page: PageRequest) -> ExecutorPageResult:
    return answer_query(lambda: executor_views.page(book, page, ic.time()))


@query
def executor_health(executor: Principal) -> ExecutorHealthResult:
    return answer_query(lambda: executor_views.health(book, executor.to_str(), ic.time()))


@query
def executor_performance(executor: Principal, page: Opt[PageRequest]) -> ExecutorPerformanceResult:
    return answer_query(
        lambda: executor_views.performance(book, executor.to_str(), page or FIRST_PAGE, ic.time())
    )


@query
def queue_status(page: Opt[PageRequest]) -> QueueStatusResult:
    return answer_query(lambda: job_views.queue(book, page or FIRST_PAGE))


@query
def check_stages(stages: Vec[Stage]) -> Vec[StageProblem]:
    return executors.check_stages(book, stages)


@query
def get_run(run: text) -> RunResult:
    return answer_query(lambda: run_views.get(book, outgoing, run, ic.time()))


@query
def list_runs(repository: Opt[text], page: PageRequest) -> RunPageResult:
    return answer_query(lambda: run_views.page(book, outgoing, repository, page, ic.time()))


@query
def list_jobs(run: text, page: PageRequest) -> JobPageResult:
    return answer_query(lambda: job_views.page(book, run, page, ic.time()))


@query
def list_usage(of: UsageOf, page: PageRequest) -> UsagePageResult:
    return answer_query(lambda: usage_views.page(book, of, page))


@query
def get_log(job: text, offset: nat64) -> LogResult:
    return answer_query(lambda: job_views.get_log(book, job, offset))


@query
def read_chunk(request: ChunkRequest) -> ChunkResult:
    return answer_query(lambda: artifacts.read_chunk(book, request))


@query
def http_request(request: HttpRequest) -> FileResponse:
    return serving.answer(book, request, ic.id(), ic.data_certificate() or b"")


@query
def stream_file(token: StreamToken) -> Opt[StreamPiece]:
    return serving.stream(book, token)
