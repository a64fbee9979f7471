"""Words of the run family: runs, jobs, leases, manifests and artifacts."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat32, nat64, null, text

from shared.types.errors import Error
from shared.types.pipeline import Fetch, PipelineInput, Runtime, Stage, Variable
from shared.types.usage import JobUsage


class Source(Record):
    """The commit that a run builds. `sha` is 40 or 64 lower-case hexadecimal digits."""

    repository: text
    clone_url: text
    ref: text
    sha: text
    message: text
    author: text


class CommitDescription(Record):
    """What executors read from the commit itself. `message` has at most MAX_TEXT_CHARS."""

    author: text
    message: text


class RunRequest(Record):
    """`webhook` -> `pipeline_config`: start this run. Sent again until acknowledged.

    `started_by` is who started the run by hand; absent when a delivery did.
    """

    run: text
    delivery: text
    source: Source
    started_by: Opt[Principal]


class RunSpec(Record):
    """`pipeline_config` -> `build_executor`: the run with the pipeline version it executes."""

    run: text
    delivery: text
    source: Source
    pipeline_version: nat32
    pipeline: PipelineInput
    started_by: Opt[Principal]


class RunState(Variant, total=False):
    """A run's way from the push to the release.

    `Approving`: every stage agreed, people are asked. `Releasing`: approved, on its way to the
    target. `Succeeded`: released, or built when the pipeline deploys nothing. `Rejected`: people
    said no, the request expired or was superseded, or a gate failed. The rest say why not.
    """

    Queued: null
    Running: null
    Approving: null
    Releasing: null
    Succeeded: null
    Failed: text
    Disagreed: text
    Inconclusive: text
    Rejected: text
    Cancelled: text


class StageState(Variant, total=False):
    """`Storing`: the verdict is Agreed, artifact bytes are being uploaded."""

    Waiting: null
    Building: null
    Storing: null
    Succeeded: null
    Failed: text
    Disagreed: text
    Inconclusive: text
    Skipped: null


class File(Record):
    """One line of a manifest. `sha256` is lower-case hexadecimal."""

    path: text
    size: nat64
    sha256: text


class Reuse(Record):
    """An operator that did not build a stage anew, and the run whose result it used again."""

    operator: text
    run: text


class StageStatus(Record):
    """`group` is the stage of the file whose matrix this one was made from.

    `reused` are the operators that used an earlier agreed result of their own again.
    `kept`: the files stay with executors, and are not stored.
    """

    name: text
    group: Opt[text]
    state: StageState
    files: Vec[File]
    stored: Vec[text]
    instructions: nat64
    reused: Opt[Vec[Reuse]]
    kept: Opt[bool]


class WaitingFor(Record):
    """What a run waits for now: `reason` says it in one sentence, since when and until when.

    `stage` is absent for what concerns the whole run. `next_try_ns` is when it is tried
    again; absent when nothing but an event outside ends the waiting. Never in the past.
    """

    stage: Opt[text]
    reason: text
    since_ns: nat64
    next_try_ns: Opt[nat64]


class TargetState(Variant, total=False):
    """How far a target of a run is. `Waiting`: it was not asked about yet.

    `Withdrawn`: the run ended before the target's request was decided. Texts say why.
    """

    Waiting: null
    Approving: null
    Releasing: null
    Released: null
    Rejected: text
    Failed: text
    Withdrawn: null


class TargetStatus(Record):
    """`approval` and `release` name the records in `verification` and `deployment`."""

    target: text
    state: TargetState
    approval: Opt[text]
    release: Opt[text]


class Run(Record):
    """One execution of one pipeline version for one commit. Times are nanoseconds since 1970.

    `targets` are in the order of the pipeline; `approval` and `release` are those of the first one
    that people or a release are at work on. `started_by` is who started the run by hand;
    `waiting_for` is empty when the run has ended.
    """

    run: text
    delivery: text
    source: Source
    pipeline_version: nat32
    state: RunState
    stages: Vec[StageStatus]
    approval: Opt[text]
    release: Opt[text]
    started_by: Opt[Principal]
    waiting_for: Vec[WaitingFor]
    created_ns: nat64
    updated_ns: nat64
    targets: Opt[Vec[TargetStatus]]


class JobState(Variant, total=False):
    """`Committed`: the executor's attestation is in; it no longer holds a lease."""

    Queued: null
    Leased: null
    Committed: null
    Lost: text


class JobFailure(Record):
    """One lease of a job that ended without a commitment.

    `cause` is `Weather`, `Unable` or `Stopping` when the executor gave the job back, `Lost` when
    its lease ran out, `Upload` when its upload of agreed files ended early.
    """

    operator: text
    cause: text
    reason: text
    at_ns: nat64


class Job(Record):
    """One replica of one stage of one run. `attempt` counts leases, from 1.

    `phase` is what the executor said by its last heartbeat that it is doing. `failures` are the
    last MAX_JOB_FAILURES, oldest first. `next_try_ns` is when one that failed at
    the job is asked for it again. `reused` is the run whose result the executor used again. `usage`
    is there once the job is committed. `log_sha256` and `log_total` (bytes) name the whole log of
    the attempt, which its executor keeps, as that executor says.
    """

    job: text
    run: text
    stage: text
    replica: nat16
    attempt: nat16
    state: JobState
    executor: Opt[Principal]
    operator: Opt[text]
    lease_until_ns: nat64
    log_bytes: nat64
    phase: Opt[text]
    failures: Vec[JobFailure]
    next_try_ns: Opt[nat64]
    reused: Opt[text]
    usage: Opt[JobUsage]
    log_sha256: Opt[text]
    log_total: Opt[nat64]


class InputArtifact(Record):
    """A file of an earlier stage that this stage finds in its checkout, at the same path.

    With `fetch` it is the manifest of packages that the earlier stage fetched: the stage finds
    them, and not the manifest. With `kept` its bytes are with executors: see `Rebuild`.
    """

    stage: text
    file: File
    fetch: Opt[Fetch]
    kept: Opt[bool]


class EarlierStage(Record):
    """A stage that was agreed on, with its files."""

    stage: Stage
    files: Vec[File]


class Rebuild(Record):
    """How an executor that lacks files which stay with executors builds them again.

    `stages` are all that this takes, each after those that it depends on; `environment` is that of
    the pipeline.
    """

    environment: Vec[Variable]
    stages: Vec[EarlierStage]


class BuildWork(Record):
    """All that an executor needs to perform a job. `rebuild` is there when an input is `kept`.

    `log_room`: how many bytes of its log are kept on chain.
    """

    job: text
    run: text
    attempt: nat16
    stage: Stage
    environment: Vec[Variable]
    source: Source
    inputs: Vec[InputArtifact]
    lease_until_ns: nat64
    rebuild: Opt[Rebuild]
    log_room: Opt[nat64]


class UploadWork(Record):
    """Upload these agreed files; the executor that built them still has them.

    `sent` counts for each of the files the first chunks that it has sent already.
    """

    run: text
    stage: text
    job: text
    files: Vec[File]
    lease_until_ns: nat64
    sent: Opt[Vec[nat32]]


class Work(Variant, total=False):
    Build: BuildWork
    Upload: UploadWork


class WorkResult(Variant, total=False):
    """`Ok` is null when there is nothing to do for this executor now."""

    Ok: Opt[Work]
    Err: Error


class ExecutorOffer(Record):
    """What an executor can do: `announce_offer` at its start, on change and every 10 minutes.

    `images` are digests of lock files. `slots` is how many jobs it performs at a time; memory,
    storage and CPUs are those of one slot. `network`: its stages may use the network. `region`
    may be empty. `files_in_memory`: the storage of a stage is part of its memory. `secret_key` is
    the X25519 public key to which secrets for it are sealed; absent when it takes none.
    `builds_locks`: it builds images of lock files in repositories when a stage asks for one.
    """

    runtimes: Vec[Runtime]
    images: Vec[text]
    memory_bytes: nat64
    storage_bytes: nat64
    cpus: nat16
    slots: nat16
    network: bool
    region: text
    labels: Vec[text]
    files_in_memory: Opt[bool]
    secret_key: Opt[blob]
    builds_locks: Opt[bool]


class StageProblem(Record):
    """Why a stage cannot be built by the executors registered now; absent when it can."""

    stage: text
    problem: Opt[text]


class LeaseRequest(Record):
    """`holds` are jobs whose bytes this executor still has (for uploads)."""

    holds: Vec[text]


class GiveBackCause(Variant, total=False):
    """`Weather`: what the executor depends on failed (Git host, network, disk, chain): it backs
    off. `Unable`: it cannot run this stage and is not asked again. `Stopping`: it shuts down.
    """

    Weather: null
    Unable: null
    Stopping: null


class GiveBack(Record):
    """An executor returns a job that it has leased, without an answer."""

    job: text
    attempt: nat16
    cause: GiveBackCause
    reason: text


class Heartbeat(Record):
    """Extends the lease and appends `log` (UTF-8, secrets already masked by the executor).

    `offset` is the number of log bytes sent before: a repeated heartbeat appends nothing twice.
    `phase` is a word for what is done now, such as `checkout`, `rebuild`, `stage` or `collecting`.
    """

    job: text
    attempt: nat16
    offset: nat64
    log: blob
    phase: Opt[text]


class Lease(Record):
    until_ns: nat64
    cancelled: bool


class LeaseResult(Variant, total=False):
    Ok: Lease
    Err: Error


class CommitmentInput(Record):
    """An executor's sealed answer: sha256 of its attestation (see `shared.rules.digests`).

    `reused` is the run whose agreed result it used again, when it did not build.
    Beside it what the job used: see `JobUsage`. No verdict depends on either.
    """

    job: text
    attempt: nat16
    commitment: blob
    wall_ns: nat64
    peak_memory_bytes: nat64
    reused: Opt[text]
    cpu_ns: Opt[nat64]
    storage_bytes: Opt[nat64]
    fetched_bytes: Opt[nat64]
    log_sha256: Opt[text]
    log_total: Opt[nat64]


class ChunkInput(Record):
    """Bytes of an agreed file. Chunks are MAX_CHUNK_BYTES long, but for the last."""

    run: text
    stage: text
    path: text
    index: nat32
    content: blob


class ChunkRequest(Record):
    run: text
    stage: text
    path: text
    index: nat32


class ChunkResult(Variant, total=False):
    Ok: blob
    Err: Error


class ExecutorInput(Record):
    """`executor` is the principal of the executor's key; `operator` is who answers for it."""

    executor: Principal
    operator: text
    runtimes: Vec[Runtime]


class Executor(Record):
    """`runtimes` are those that the admin registered: they bound what the executor may offer.

    `offer` is absent until it was announced. `last_seen_ns` is the last contact: the last update
    that it sent, as queries leave no trace; `online` says that it is not long ago (PRESENT_NS).
    """

    executor: Principal
    operator: text
    runtimes: Vec[Runtime]
    offer: Opt[ExecutorOffer]
    enabled: bool
    registered_ns: nat64
    last_seen_ns: nat64
    online: bool
    jobs_leased: nat64
    jobs_committed: nat64
    leases_lost: nat64


class ExecutorResult(Variant, total=False):
    Ok: Executor
    Err: Error


class ExecutorPage(Record):
    items: Vec[Executor]
    next: Opt[text]


class ExecutorPageResult(Variant, total=False):
    Ok: ExecutorPage
    Err: Error


class RunResult(Variant, total=False):
    Ok: Run
    Err: Error


class RunPage(Record):
    items: Vec[Run]
    next: Opt[text]


class RunPageResult(Variant, total=False):
    Ok: RunPage
    Err: Error


class JobPage(Record):
    items: Vec[Job]
    next: Opt[text]


class JobPageResult(Variant, total=False):
    Ok: JobPage
    Err: Error


class LogMark(Record):
    """The bytes of a log from `offset` on arrived at `at_ns`, to the second."""

    offset: nat64
    at_ns: nat64


class Log(Record):
    """A piece of a job's log from `offset`; `total` bytes so far.

    `marks` say when the piece arrived; the first may lie before it.
    """

    offset: nat64
    content: blob
    total: nat64
    marks: Opt[Vec[LogMark]]


class LogResult(Variant, total=False):
    Ok: Log
    Err: Error
