"""Runs: what starts one, its stages, and where it stands."""

from kybra import Opt, Principal, Record, Variant, Vec, nat16, nat32, nat64, null, text

from shared.types.errors import Error
from shared.types.pipeline import PipelineInput


class Source(Record):
    """The commit that a run builds. `sha` is 40 or 64 lower-case hexadecimal digits; empty until
    operators have read which commit `ref` names, where a run was started without one."""

    repository: text
    clone_url: text
    ref: text
    sha: text
    message: text
    author: text


class PullRequest(Record):
    """What a run of a pull request is of. `title` is what whoever opened it has written.

    `target` is the branch that it is to be merged into, `head` the branch and `head_repository` the
    repository that it comes from. `deploys`: its run goes on to people and targets; never of a
    fork.
    """

    number: nat64
    title: text
    target: text
    head: text
    head_repository: text
    fork: bool
    deploys: bool


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
    pull_request: Opt[PullRequest]


class RunSpec(Record):
    """`pipeline_config` -> `build_executor`: the run with the pipeline version it executes.

    Of a pull request `pipeline` is what its runs may do: see `shared.rules.pull_requests`.
    """

    run: text
    delivery: text
    source: Source
    pipeline_version: nat32
    pipeline: PipelineInput
    started_by: Opt[Principal]
    pull_request: Opt[PullRequest]


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


class RefRead(Record):
    """What executors of an operator read last at a ref. `commit` is empty where it was not there;
    absent, with the `problem`, when it could not be read."""

    operator: text
    commit: Opt[text]
    problem: Opt[text]
    at_ns: nat64


class Resolution(Record):
    """How a run that was started for a name of a branch or tag came to its commit.

    `quorum` operators must read the same one there. `commit` is what they agreed on, empty when
    that is that the ref is not there; absent until then.
    """

    quorum: nat16
    reads: Vec[RefRead]
    commit: Opt[text]


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
    `waiting_for` is empty when the run has ended. `resolution` is there where it was started for a
    name, and not for a commit.
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
    resolution: Opt[Resolution]
    pull_request: Opt[PullRequest]


class RunResult(Variant, total=False):
    Ok: Run
    Err: Error


class RunPage(Record):
    items: Vec[Run]
    next: Opt[text]


class RunPageResult(Variant, total=False):
    Ok: RunPage
    Err: Error
