"""Records as the stable maps hold them. Principals are texts here: rules compare them often."""

from kybra import Opt, Record, Vec, blob, nat16, nat32, nat64, text

from shared.types.pipeline import Runtime
from shared.types.run import ExecutorOffer, JobState, RunSpec, RunState, Source, StageState


class SpecRecord(Record):
    """What a run executes; never changed."""

    version: nat16
    spec: RunSpec


class OpenedStage(Record):
    """A stage that was opened, and how many jobs it has."""

    name: text
    jobs: nat16


class RunRecord(Record):
    """A run's own state. `opened` is in opening order; the stages' states are theirs to keep.

    `approval_by_ns` is 0 until the approval is asked for.
    """

    version: nat16
    sequence: nat64
    delivery: text
    source: Source
    pipeline_version: nat32
    state: RunState
    opened: Vec[OpenedStage]
    succeeded: Vec[text]
    manifest_bytes: nat64
    approval: Opt[text]
    approval_by_ns: nat64
    created_ns: nat64
    updated_ns: nat64


class JobRow(Record):
    """One replica of a stage. `log_base` is the length of the log when this attempt began.

    `given_back_by` gave the job back last, or let its upload run out, and is not asked again
    before `ask_again_ns`.
    `recorded` is true once `verification` has answered to the commitment.
    """

    replica: nat16
    attempt: nat16
    state: JobState
    executor: Opt[text]
    operator: Opt[text]
    lease_until_ns: nat64
    given_back_by: Opt[text]
    ask_again_ns: nat64
    log_base: nat64
    log_bytes: nat64
    commitment: Opt[blob]
    recorded: bool
    wall_ns: nat64
    peak_memory_bytes: nat64


class FileRow(Record):
    """One agreed file; `stored` once its bytes are here and their hash was recomputed."""

    path: text
    size: nat64
    sha256: text
    stored: bool


class StageRecord(Record):
    """A stage from its opening on, with its jobs.

    `end_by_ns` is when it ends without success if nothing else ends it. `round_open`, `closing`
    and `closed` say how far `verification` was told. `agreeing` are the replicas whose executors
    hold the agreed files, `faults` one entry for each upload of theirs that went wrong or ran
    out, `uploader` the replica that holds (or last held) the upload lease. That lease is not
    extended beyond `upload_end_ns`; those of before this field have no such bound.
    """

    version: nat16
    run: text
    name: text
    repository: text
    run_sequence: nat64
    position: nat16
    runtime: Runtime
    state: StageState
    replicas: nat16
    quorum: nat16
    commit_until_ns: nat64
    end_by_ns: nat64
    round_open: bool
    closing: bool
    closed: bool
    jobs: Vec[JobRow]
    verdict: Opt[text]
    files: Vec[FileRow]
    agreeing: Vec[nat16]
    faults: Vec[nat16]
    uploader: Opt[nat16]
    upload_until_ns: nat64
    upload_end_ns: Opt[nat64]
    instructions: nat64


class ContentRecord(Record):
    """Bytes kept once per sha256. Their chunks are under `<location>#<index>`."""

    version: nat16
    size: nat64
    location: text


class OfferRecord(Record):
    """What an executor announced last. Apart from its record, whose size is bound lower."""

    version: nat16
    offer: ExecutorOffer


class ExecutorRecord(Record):
    version: nat16
    operator: text
    runtimes: Vec[Runtime]
    enabled: bool
    registered_ns: nat64
    last_seen_ns: nat64
    jobs_leased: nat64
    jobs_committed: nat64
    leases_lost: nat64
