"""Jobs: what executors lease, report and bring, and what a job printed."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat32, nat64, null, text

from shared.types.errors import Error
from shared.types.pipeline import Fetch, Stage, Variable
from shared.types.run import File, Source
from shared.types.usage import JobUsage


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


class ResolveWork(Record):
    """Read which commit a ref of the repository names now, and say it by `report_ref`."""

    run: text
    repository: text
    clone_url: text
    ref: text


class RefReading(Record):
    """What an executor found at the ref of a run that has no commit yet.

    Neither `commit` nor `problem`: the server answers, and the ref is not there. `problem`: it
    could not be read.
    """

    run: text
    commit: Opt[text]
    problem: Opt[text]


class Work(Variant, total=False):
    Build: BuildWork
    Upload: UploadWork
    Resolve: ResolveWork


class WorkResult(Variant, total=False):
    """`Ok` is null when there is nothing to do for this executor now."""

    Ok: Opt[Work]
    Err: Error


class StageProblem(Record):
    """Why a stage cannot be built by the executors registered now; absent when it can."""

    stage: text
    problem: Opt[text]


class Room(Record):
    """What an executor has a slot free for: jobs (builds and uploads), refs to read."""

    builds: bool
    reads: bool


class LeaseRequest(Record):
    """`holds` are jobs whose bytes this executor still has (for uploads). Without `room` it has
    some for all kinds of work."""

    holds: Vec[text]
    room: Opt[Room]


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
