"""Records as the stable maps hold them. Principals are texts here: rules compare them often.

Fields that records of 0.1.0 lack are `Opt`: their bytes are read with these types.
"""

from kybra import Opt, Record, Vec, blob, nat16, nat32, nat64, text

from shared.base.migration import Versions
from shared.types.executor import ExecutorOffer
from shared.types.job import JobFailure, JobState
from shared.types.pipeline import Flaky, Needs, Resources, Runtime
from shared.types.run import RefRead, RunSpec, RunState, Source, StageState, TargetState


class SpecRecord(Record):
    """What a run executes; never changed. Where it was started without a commit, the one that
    operators read is in the run's own record."""

    version: nat16
    spec: RunSpec


class OpenedStage(Record):
    """A stage that was opened, and how many jobs it has."""

    name: text
    jobs: nat16


class TargetRow(Record):
    """A target of a run. `attempt` counts its approval requests, from 1; `ask_by_ns` is until when
    the next is to be made, 0 when none is. `Failed` without an `approval`: none could be made.
    """

    target: text
    state: TargetState
    approval: Opt[text]
    attempt: nat16
    release: Opt[text]
    ask_by_ns: nat64


class RunRecord(Record):
    """A run's own state. `opened` is in opening order; the stages' states are theirs to keep.

    `targets` are in the order of the pipeline; absent in runs of before 0.2, which had one at most
    and said in `approval`, `approval_by_ns`, `approval_attempt`, `release` and `release_error` how
    far it was. Nothing else reads these since. `cancelled_by` is who wants a run cancelled whose
    approval requests must be withdrawn first. `since_ns` is when the run came into its state.
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
    approval_attempt: Opt[nat16]
    created_ns: nat64
    updated_ns: nat64
    release: Opt[text]
    release_error: Opt[text]
    cancelled_by: Opt[text]
    since_ns: Opt[nat64]
    targets: Opt[Vec[TargetRow]]


class LostLease(Record):
    """Who held the lease that ran out last for want of heartbeats, since nobody took the job."""

    executor: text
    operator: text


class JobRow(Record):
    """One replica of a stage. `log_base` is the length of the log when this attempt began.

    A lease begins at `leased_ns` and is not extended beyond `lease_end_ns`, whatever is sent.
    `given_back_by` gave an upload back last, or let it run out, and is not asked again before
    `ask_again_ns`. `recorded` is true once `verification` has answered to the commitment.
    `failures` are the last MAX_JOB_FAILURES leases that ended without a commitment. While `lost`
    is there, the last of them is the lease that it names, which may be restored. `reused` is the
    run whose result the executor says that it used again. `log_sha256` and `log_total` are those
    of the whole log, as the executor says. `log_marks` counts the marks of the log.
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
    leased_ns: Opt[nat64]
    lease_end_ns: Opt[nat64]
    committed_ns: Opt[nat64]
    phase: Opt[text]
    failures: Opt[Vec[JobFailure]]
    lost: Opt[LostLease]
    reused: Opt[text]
    cpu_ns: Opt[nat64]
    storage_bytes: Opt[nat64]
    fetched_bytes: Opt[nat64]
    log_sha256: Opt[text]
    log_total: Opt[nat64]
    log_marks: Opt[nat32]


class Pause(Record):
    """Who is not asked for jobs of a stage before `until_ns`, after so many failures.

    `executor` is empty when the whole operator pauses. `cause` and `reason` are those of the last
    failure.
    """

    operator: text
    executor: text
    failures: nat16
    until_ns: nat64
    cause: text
    reason: text


class FileRow(Record):
    """One agreed file; `stored` once its bytes are here and their hash was recomputed."""

    path: text
    size: nat64
    sha256: text
    stored: bool


class StageRecord(Record):
    """A stage from its opening on, with its jobs.

    No job is leased after `commit_until_ns`, the end of the queue time. `end_by_ns` is when the
    stage ends without success if nothing else ends it. `round_open`, `closing` and `closed` say
    how far `verification` was told; `closing_ns` is when commitments were closed. `agreeing` are
    the replicas whose executors hold the agreed files, `faults` one entry for each wrong upload of
    theirs, `uploader` the replica that holds (or last held) the upload lease, which is not
    extended beyond `upload_end_ns`. `resources`, `needs` and `grace_seconds` are those of the
    pipeline, `group` and `parallel`, too; a lease may last `timeouts` times the stage's timeout.
    `pauses` are executors and operators that failed here. `woken_ns` is when the timer
    last looked at the stage: what became free for somebody until then has been seen. `kept`: the
    files stay with executors. `rebuild_seconds` are the timeouts of earlier stages whose files stay
    with executors, for whoever has to build them again.
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
    opened_ns: Opt[nat64]
    closing_ns: Opt[nat64]
    resources: Opt[Resources]
    needs: Opt[Needs]
    grace_seconds: Opt[nat32]
    flaky: Opt[Flaky]
    pauses: Opt[Vec[Pause]]
    woken_ns: Opt[nat64]
    priority: Opt[nat16]
    kept: Opt[bool]
    rebuild_seconds: Opt[nat32]
    group: Opt[text]
    parallel: Opt[nat16]
    timeouts: Opt[nat16]


class ResolutionRecord(Record):
    """A run whose commit operators read at its ref: see `Resolution`. Kept after the run's end."""

    version: nat16
    repository: text
    clone_url: text
    ref: text
    quorum: nat16
    opened_ns: nat64
    until_ns: nat64
    reads: Vec[RefRead]
    commit: Opt[text]


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


class ShareRecord(Record):
    """How much work was done for a repository, in nanoseconds of slots. Only grows.

    Under the empty name: what a repository that comes back is taken to have had at least.
    """

    version: nat16
    used_ns: nat64


class UsageRecord(Record):
    """What the jobs of one day used, of a repository or an operator: see `UsageDay`."""

    version: nat16
    day: nat32
    jobs: nat64
    wall_ns: nat64
    cpu_ns: nat64
    peak_memory_bytes: nat64
    storage_bytes: nat64
    fetched_bytes: nat64


class CertifiedStage(Record):
    """The files of a stage: `digest` is that of the hash tree of their certified responses."""

    name: text
    digest: blob


class CertifiedRecord(Record):
    """A node of the tree of certified files, see `serving.shelf`: a run, or a fork at a bit.

    A fork has no `run`, a run no pointers.
    """

    version: nat16
    bit: nat16
    left: nat64
    right: nat64
    left_digest: blob
    right_digest: blob
    run: text
    stages: Vec[CertifiedStage]


RUN: "Versions[RunRecord]" = Versions("RunRecord", current=1)
SPEC: "Versions[SpecRecord]" = Versions("SpecRecord", current=1)
STAGE: "Versions[StageRecord]" = Versions("StageRecord", current=1)
RESOLUTION: "Versions[ResolutionRecord]" = Versions("ResolutionRecord", current=1)
CONTENT: "Versions[ContentRecord]" = Versions("ContentRecord", current=1)
EXECUTOR: "Versions[ExecutorRecord]" = Versions("ExecutorRecord", current=1)
OFFER: "Versions[OfferRecord]" = Versions("OfferRecord", current=1)
SHARE: "Versions[ShareRecord]" = Versions("ShareRecord", current=1)
USAGE: "Versions[UsageRecord]" = Versions("UsageRecord", current=1)
CERTIFIED: "Versions[CertifiedRecord]" = Versions("CertifiedRecord", current=1)
