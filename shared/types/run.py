"""Words of the run family: runs, jobs, leases, manifests and artifacts."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat32, nat64, null, text

from shared.types.errors import Error
from shared.types.pipeline import PipelineInput, Runtime, Stage, Variable


class Source(Record):
    """The commit that a run builds. `sha` is 40 or 64 lower-case hexadecimal digits."""

    repository: text
    clone_url: text
    ref: text
    sha: text
    message: text
    author: text


class RunRequest(Record):
    """`webhook` -> `pipeline_config`: start this run. Sent again until acknowledged."""

    run: text
    delivery: text
    source: Source


class RunSpec(Record):
    """`pipeline_config` -> `build_executor`: the run with the pipeline version it executes."""

    run: text
    delivery: text
    source: Source
    pipeline_version: nat32
    pipeline: PipelineInput


class RunState(Variant, total=False):
    """`Succeeded`: every stage agreed and its artifacts are stored. The rest say why not."""

    Queued: null
    Running: null
    Succeeded: null
    Failed: text
    Disagreed: text
    Inconclusive: text
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


class StageStatus(Record):
    name: text
    state: StageState
    files: Vec[File]
    stored: Vec[text]
    instructions: nat64


class Run(Record):
    """One execution of one pipeline version for one commit. Times are nanoseconds since 1970."""

    run: text
    delivery: text
    source: Source
    pipeline_version: nat32
    state: RunState
    stages: Vec[StageStatus]
    approval: Opt[text]
    created_ns: nat64
    updated_ns: nat64


class JobState(Variant, total=False):
    """`Committed`: the executor's attestation is in; it no longer holds a lease."""

    Queued: null
    Leased: null
    Committed: null
    Lost: text


class Job(Record):
    """One replica of one stage of one run. `attempt` counts leases, from 1."""

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


class InputArtifact(Record):
    """A file of an earlier stage that this stage finds in its checkout, at the same path."""

    stage: text
    file: File


class BuildWork(Record):
    """All that an executor needs to perform a job."""

    job: text
    run: text
    attempt: nat16
    stage: Stage
    environment: Vec[Variable]
    source: Source
    inputs: Vec[InputArtifact]
    lease_until_ns: nat64


class UploadWork(Record):
    """Upload these agreed files; the executor that built them still has them."""

    run: text
    stage: text
    job: text
    files: Vec[File]
    lease_until_ns: nat64


class Work(Variant, total=False):
    Build: BuildWork
    Upload: UploadWork


class WorkResult(Variant, total=False):
    """`Ok` is null when there is nothing to do for this executor now."""

    Ok: Opt[Work]
    Err: Error


class LeaseRequest(Record):
    """`runtimes` this executor can run; `holds` are jobs whose bytes it still has (for uploads)."""

    runtimes: Vec[Runtime]
    holds: Vec[text]


class Heartbeat(Record):
    """Extends the lease and appends `log` (UTF-8, secrets already masked by the executor).

    `offset` is the number of log bytes sent before: a repeated heartbeat appends nothing twice.
    """

    job: text
    attempt: nat16
    offset: nat64
    log: blob


class Lease(Record):
    until_ns: nat64
    cancelled: bool


class LeaseResult(Variant, total=False):
    Ok: Lease
    Err: Error


class CommitmentInput(Record):
    """An executor's sealed answer: sha256 of its attestation (see `shared.rules.digests`)."""

    job: text
    attempt: nat16
    commitment: blob
    wall_ns: nat64
    peak_memory_bytes: nat64


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
    executor: Principal
    operator: text
    runtimes: Vec[Runtime]
    enabled: bool
    registered_ns: nat64
    last_seen_ns: nat64
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


class Log(Record):
    """A piece of a job's log from `offset`; `total` bytes so far."""

    offset: nat64
    content: blob
    total: nat64


class LogResult(Variant, total=False):
    Ok: Log
    Err: Error
