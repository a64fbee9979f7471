"""Records and variants of the canister `build_executor`.

Made from canisters/build_executor/build_executor.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TypedDict


class ApprovalPolicy(TypedDict):
    approvers: list[str]
    threshold: int
    ttl_seconds: int


class BuildWork(TypedDict):
    attempt: int
    environment: list[Variable]
    inputs: list[InputArtifact]
    job: str
    lease_until_ns: int
    log_room: int | None
    rebuild: Rebuild | None
    run: str
    source: Source
    stage: Stage


class Cache(TypedDict):
    inputs: list[str]


class ChunkInput(TypedDict):
    content: bytes
    index: int
    path: str
    run: str
    stage: str


class ChunkRequest(TypedDict):
    index: int
    path: str
    run: str
    stage: str


class CommitDescription(TypedDict):
    author: str
    message: str


class CommitmentInput(TypedDict):
    attempt: int
    commitment: bytes
    cpu_ns: int | None
    fetched_bytes: int | None
    job: str
    log_sha256: str | None
    log_total: int | None
    peak_memory_bytes: int
    reused: str | None
    storage_bytes: int | None
    wall_ns: int


class Deploy(TypedDict):
    artifact: str
    assets: str | None
    depends_on: list[str] | None
    install_arg: bytes
    install_references: list[Reference] | None
    memory: MemoryPersistence
    mode: Mode
    stage: str
    target: str
    upgrade_arg: bytes
    upgrade_references: list[Reference] | None


class Dispute(TypedDict):
    differing: list[str]
    executor: str
    operator: str
    reason: str


class EarlierStage(TypedDict):
    files: list[File]
    stage: Stage


class Executor(TypedDict):
    enabled: bool
    executor: str
    jobs_committed: int
    jobs_leased: int
    last_seen_ns: int
    leases_lost: int
    offer: ExecutorOffer | None
    online: bool
    operator: str
    registered_ns: int
    runtimes: list[Runtime]


class ExecutorHealth(TypedDict):
    at_work: int
    executor: Executor
    slots: int


class ExecutorInput(TypedDict):
    executor: str
    operator: str
    runtimes: list[Runtime]


class ExecutorOffer(TypedDict):
    builds_locks: bool | None
    cpus: int
    files_in_memory: bool | None
    images: list[str]
    labels: list[str]
    leaving: bool | None
    memory_bytes: int
    network: bool
    region: str
    runtimes: list[Runtime]
    secret_key: bytes | None
    slots: int
    storage_bytes: int


class ExecutorPage(TypedDict):
    items: list[Executor]
    next: str | None


class ExecutorPerformance(TypedDict):
    days: list[UsageDay]
    executor: Executor
    next: str | None


class Fetch(TypedDict):
    hosts: list[str]
    locks: list[str]


class File(TypedDict):
    path: str
    sha256: str
    size: int


class FileResponse(TypedDict):
    body: bytes
    headers: list[tuple[str, str]]
    status_code: int
    streaming_strategy: StreamingStrategy | None


class Flaky(TypedDict, total=False):
    """Exactly one of these cases."""

    Fail: None
    Tolerate: None


class FlakyTest(TypedDict):
    failed: list[str]
    passed: list[str]
    test: str


class Gate(TypedDict, total=False):
    """Exactly one of these cases."""

    MaxArtifactBytes: int
    MemoryMode: None
    ModuleKind: None


class GiveBack(TypedDict):
    attempt: int
    cause: GiveBackCause
    job: str
    reason: str


class GiveBackCause(TypedDict, total=False):
    """Exactly one of these cases."""

    Stopping: None
    Unable: None
    Weather: None


class Grant(TypedDict):
    principal: str
    roles: list[Role]


class GrantPage(TypedDict):
    items: list[Grant]
    next: str | None


class Health(TypedDict):
    cycles: int
    instructions: int
    name: str
    open: int
    records: int
    version: str
    wired: bool


class Heartbeat(TypedDict):
    attempt: int
    job: str
    log: bytes
    offset: int
    phase: str | None


class HttpRequest(TypedDict):
    body: bytes
    certificate_version: int | None
    headers: list[tuple[str, str]]
    method: str
    url: str


class InputArtifact(TypedDict):
    fetch: Fetch | None
    file: File
    kept: bool | None
    stage: str


class Job(TypedDict):
    attempt: int
    executor: str | None
    failures: list[JobFailure]
    job: str
    lease_until_ns: int
    log_bytes: int
    log_sha256: str | None
    log_total: int | None
    next_try_ns: int | None
    operator: str | None
    phase: str | None
    replica: int
    reused: str | None
    run: str
    stage: str
    state: JobState
    usage: JobUsage | None


class JobFailure(TypedDict):
    at_ns: int
    cause: str
    operator: str
    reason: str


class JobPage(TypedDict):
    items: list[Job]
    next: str | None


class JobState(TypedDict, total=False):
    """Exactly one of these cases."""

    Committed: None
    Leased: None
    Lost: str
    Queued: None


class JobUsage(TypedDict):
    cpu_ns: int | None
    fetched_bytes: int | None
    peak_memory_bytes: int
    storage_bytes: int | None
    wall_ns: int


class Keep(TypedDict, total=False):
    """Exactly one of these cases."""

    Chain: None
    Executors: None


class Lease(TypedDict):
    cancelled: bool
    until_ns: int


class LeaseGrant(TypedDict):
    operator: str
    ref: str
    repository: str
    run: str
    secrets: list[str]
    stage: str


class LeaseRequest(TypedDict):
    holds: list[str]
    room: Room | None


class Log(TypedDict):
    content: bytes
    marks: list[LogMark] | None
    offset: int
    total: int


class LogMark(TypedDict):
    at_ns: int
    offset: int


class MemoryPersistence(TypedDict, total=False):
    """Exactly one of these cases."""

    Default: None
    Keep: None
    Replace: None


class Mode(TypedDict, total=False):
    """Exactly one of these cases."""

    Auto: None
    Install: None
    Reinstall: None
    Upgrade: None


class Needs(TypedDict):
    cpus: int | None
    image: str | None
    image_lock: str | None
    labels: list[str]
    region: str | None


class NoticeState(TypedDict, total=False):
    """Exactly one of these cases."""

    Approving: None
    Failed: str
    Rejected: str
    Released: None
    Releasing: None


class PageRequest(TypedDict):
    cursor: str | None
    limit: int


class ParameterValue(TypedDict):
    name: str
    values: list[str]


class PipelineInput(TypedDict):
    approval: ApprovalPolicy
    deploy: Deploy | None
    deploys: list[Deploy] | None
    environment: list[Variable]
    gates: list[Gate]
    name: str
    priority: int | None
    queue_seconds: int | None
    repository: str
    stages: list[Stage]
    template: TemplateUse | None
    triggers: list[Trigger]


class PullRequest(TypedDict):
    deploys: bool
    fork: bool
    head: str
    head_repository: str
    number: int
    target: str
    title: str


class PullRequestFilter(TypedDict):
    branches: list[str]
    deploy: bool | None
    drafts: bool | None
    labels: list[str] | None
    types: list[str] | None


class PushFilter(TypedDict):
    authors: list[str] | None
    branches: list[str]
    paths: list[str] | None
    paths_ignore: list[str] | None


class QueueStatus(TypedDict):
    executors: int
    most_runs: int
    next: str | None
    open_stages: int
    runs: int
    stages: list[QueuedStage]


class QueuedStage(TypedDict):
    at_work: int
    done: int
    opened_ns: int | None
    repository: str
    run: str
    stage: str
    state: StageState
    waiting: int


class Rebuild(TypedDict):
    environment: list[Variable]
    stages: list[EarlierStage]


class RefRead(TypedDict):
    at_ns: int
    commit: str | None
    operator: str
    problem: str | None


class RefReading(TypedDict):
    commit: str | None
    problem: str | None
    run: str


class Reference(TypedDict):
    canister: str
    offset: int
    textual: bool


class ReleaseNotice(TypedDict):
    approval: str
    attempt: int | None
    release: str | None
    run: str
    state: NoticeState
    target: str | None


class Reports(TypedDict):
    flaky: Flaky | None
    tests: str | None


class Resolution(TypedDict):
    commit: str | None
    quorum: int
    reads: list[RefRead]


class ResolveWork(TypedDict):
    clone_url: str
    ref: str
    repository: str
    run: str


class Resources(TypedDict):
    memory_bytes: int
    network: bool
    output_bytes: int
    processes: int
    storage_bytes: int
    timeout_seconds: int


class RetryCause(TypedDict):
    cause: str
    times: int


class Reuse(TypedDict):
    operator: str
    run: str


class Role(TypedDict, total=False):
    """Exactly one of these cases."""

    Admin: None
    Approver: None
    Executor: None
    Operator: None
    Owner: None
    Reporter: None
    Viewer: None


class Room(TypedDict):
    builds: bool
    reads: bool


class Run(TypedDict):
    approval: str | None
    created_ns: int
    delivery: str
    pipeline_version: int
    pull_request: PullRequest | None
    release: str | None
    resolution: Resolution | None
    run: str
    source: Source
    stages: list[StageStatus]
    started_by: str | None
    state: RunState
    targets: list[TargetStatus] | None
    updated_ns: int
    waiting_for: list[WaitingFor]


class RunPage(TypedDict):
    items: list[Run]
    next: str | None


class RunSpec(TypedDict):
    delivery: str
    pipeline: PipelineInput
    pipeline_version: int
    pull_request: PullRequest | None
    run: str
    source: Source
    started_by: str | None


class RunState(TypedDict, total=False):
    """Exactly one of these cases."""

    Approving: None
    Cancelled: str
    Disagreed: str
    Failed: str
    Inconclusive: str
    Queued: None
    Rejected: str
    Releasing: None
    Running: None
    Succeeded: None


class Runtime(TypedDict, total=False):
    """Exactly one of these cases."""

    Azle: None
    Motoko: None
    Node: None
    Python: None
    Rust: None
    Shell: None


class Schedule(TypedDict):
    cron: str
    ref: str
    rule: str
    zone: str


class Siblings(TypedDict):
    build_executor: str
    deployment: str
    pipeline_config: str
    verification: str
    webhook: str


class Source(TypedDict):
    author: str
    clone_url: str
    message: str
    ref: str
    repository: str
    sha: str


class Stage(TypedDict):
    artifacts: list[str]
    cache: Cache | None
    commands: list[str]
    depends_on: list[str]
    environment: list[Variable]
    fetch: Fetch | None
    grace_seconds: int | None
    group: str | None
    keep: Keep | None
    name: str
    needs: Needs | None
    parallel: int | None
    quorum: int
    replicas: int
    reports: Reports | None
    resources: Resources
    retries: int
    retry_causes: list[RetryCause] | None
    runtime: Runtime
    secrets: list[str] | None


class StageProblem(TypedDict):
    problem: str | None
    stage: str


class StageState(TypedDict, total=False):
    """Exactly one of these cases."""

    Building: None
    Disagreed: str
    Failed: str
    Inconclusive: str
    Skipped: None
    Storing: None
    Succeeded: None
    Waiting: None


class StageStatus(TypedDict):
    files: list[File]
    group: str | None
    instructions: int
    kept: bool | None
    name: str
    reused: list[Reuse] | None
    state: StageState
    stored: list[str]


class StreamPiece(TypedDict):
    body: bytes
    token: StreamToken | None


class StreamSource(TypedDict):
    callback: tuple[str, str]
    token: StreamToken


class StreamToken(TypedDict):
    index: int
    path: str
    run: str
    stage: str


class StreamingStrategy(TypedDict, total=False):
    """Exactly one of these cases."""

    Callback: StreamSource


class TargetState(TypedDict, total=False):
    """Exactly one of these cases."""

    Approving: None
    Failed: str
    Rejected: str
    Released: None
    Releasing: None
    Waiting: None
    Withdrawn: None


class TargetStatus(TypedDict):
    approval: str | None
    release: str | None
    state: TargetState
    target: str


class TemplateUse(TypedDict):
    name: str
    values: list[ParameterValue] | None
    version: int


class Trigger(TypedDict, total=False):
    """Exactly one of these cases."""

    FilteredPullRequest: PullRequestFilter
    FilteredPush: PushFilter
    Manual: None
    PullRequest: list[str]
    Push: list[str]
    Release: list[str]
    Schedule: Schedule
    Tag: list[str]


class UploadWork(TypedDict):
    files: list[File]
    job: str
    lease_until_ns: int
    run: str
    sent: list[int] | None
    stage: str


class UsageDay(TypedDict):
    cpu_ns: int
    day: int
    fetched_bytes: int
    jobs: int
    peak_memory_bytes: int
    storage_bytes: int
    wall_ns: int


class UsageOf(TypedDict, total=False):
    """Exactly one of these cases."""

    Operator: str
    Repository: str


class UsagePage(TypedDict):
    items: list[UsageDay]
    next: str | None


class Variable(TypedDict):
    name: str
    value: str


class Verdict(TypedDict):
    commit: CommitDescription | None
    decided_ns: int
    disputes: list[Dispute]
    environment: str
    files: list[File]
    flaky_tests: list[FlakyTest] | None
    jobs: list[str]
    kind: VerdictKind
    manifest: str
    reason: str


class VerdictKind(TypedDict, total=False):
    """Exactly one of these cases."""

    Agreed: None
    Disagreed: None
    Failed: None
    Inconclusive: None


class VerdictNotice(TypedDict):
    run: str
    stage: str
    verdict: Verdict


class WaitingFor(TypedDict):
    next_try_ns: int | None
    reason: str
    since_ns: int
    stage: str | None


class Work(TypedDict, total=False):
    """Exactly one of these cases."""

    Build: BuildWork
    Resolve: ResolveWork
    Upload: UploadWork
