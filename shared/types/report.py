"""Words of the report family: what the outside must be told of a run, and how far it was told."""

from kybra import Opt, Principal, Record, Variant, Vec, nat16, nat32, nat64, null, text

from shared.types.errors import Error
from shared.types.run import RunState, StageState, TargetStatus


class StageReport(Record):
    """A stage that was opened, or that the end of its run has skipped."""

    name: text
    state: StageState


class RunReport(Record):
    """`build_executor` -> `webhook`: where a run stands at `at_ns`. Sent again until acknowledged.

    It tells all of the run, not what has changed: one that was lost or overtaken misses nothing.
    """

    run: text
    pipeline: text
    repository: text
    ref: text
    sha: text
    state: RunState
    stages: Vec[StageReport]
    targets: Vec[TargetStatus]
    at_ns: nat64


class ReportSubject(Variant, total=False):
    """What a report is about: the whole run, one of its stages, or one of its targets."""

    Run: null
    Stage: text
    Target: text


class ReportState(Variant, total=False):
    """A state of a run, a stage or a target. `Refused`: the run request was, there is no run."""

    Queued: null
    Running: null
    Building: null
    Storing: null
    Approving: null
    Releasing: null
    Released: null
    Succeeded: null
    Skipped: null
    Withdrawn: null
    Failed: text
    Disagreed: text
    Inconclusive: text
    Rejected: text
    Cancelled: text
    Refused: text


class PostingState(Variant, total=False):
    """`Waiting`: to be posted, or posted again after a failure. `Superseded`: a later report about
    the same was posted in its place. `Refused`: the forge does not take it, or not for too long.
    """

    Waiting: null
    Posted: null
    Superseded: null
    Refused: text


class Posting(Record):
    """How far a report is on its way to the forge, as the reporter says."""

    state: PostingState
    attempts: nat32
    last_error: text
    next_try_ns: Opt[nat64]


class Report(Record):
    """One change of a run that the outside is told of. Numbers grow by one, and are never reused.

    `record` is the approval request or the release that a target's state is of.
    """

    number: nat64
    at_ns: nat64
    repository: text
    ref: text
    sha: text
    run: text
    pipeline: text
    subject: ReportSubject
    state: ReportState
    record: Opt[text]
    posting: Posting


class ReportPage(Record):
    """`next` is the cursor of the following page, absent on the last."""

    items: Vec[Report]
    next: Opt[text]


class ReportPageResult(Variant, total=False):
    Ok: ReportPage
    Err: Error


class ReportBatch(Record):
    """Reports from a number on, oldest first. `first` is the oldest that is kept, `next` where to
    read on; nothing is left when that is `total`."""

    items: Vec[Report]
    first: nat64
    next: nat64
    total: nat64


class ReportBatchResult(Variant, total=False):
    Ok: ReportBatch
    Err: Error


class ReportLease(Record):
    """The right of one reporter to post, until a moment. All reports before `done` need nothing
    more."""

    reporter: text
    holder: Principal
    until_ns: nat64
    done: nat64


class ReportLeaseResult(Variant, total=False):
    Ok: ReportLease
    Err: Error


class PostedReport(Record):
    """What a reporter tells of one report."""

    number: nat64
    posting: Posting


class ReportQuery(Record):
    """Which reports to read: from the number `since` on, at most `limit` (0: as many as a page)."""

    since: nat64
    limit: nat16
