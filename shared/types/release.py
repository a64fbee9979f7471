"""Words of the release family: approval requests, targets, releases."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat, nat32, nat64, null, text

from shared.types.errors import Error
from shared.types.pipeline import ApprovalPolicy, Gate, MemoryPersistence, Mode
from shared.types.run import Source


class ApprovalInput(Record):
    """`build_executor` -> `verification`: may these bytes go to that target?"""

    run: text
    source: Source
    pipeline_version: nat32
    target: text
    stage: text
    artifact: text
    sha256: text
    size: nat64
    mode: Mode
    memory: MemoryPersistence
    install_arg: blob
    upgrade_arg: blob
    policy: ApprovalPolicy
    gates: Vec[Gate]


class GateResult(Record):
    gate: Gate
    passed: bool
    detail: text


class ApprovalState(Variant, total=False):
    """`Blocked`: a gate failed. `Released` names the release that the approval started."""

    Pending: null
    Approved: null
    Rejected: null
    Expired: null
    Blocked: text
    Released: text


class ApprovalVote(Record):
    approver: Principal
    approve: bool
    comment: text
    at_ns: nat64


class Approval(Record):
    """An immutable question and the votes on it. `mode` is never `Auto`."""

    approval: text
    request: ApprovalInput
    gates: Vec[GateResult]
    state: ApprovalState
    votes: Vec[ApprovalVote]
    created_ns: nat64
    expires_ns: nat64


class ApprovalDecision(Record):
    """`sha256` repeats the hash that the approver was shown: another one is refused."""

    approval: text
    sha256: text
    approve: bool
    comment: text


class ApprovalResult(Variant, total=False):
    Ok: Approval
    Err: Error


class ApprovalPage(Record):
    items: Vec[Approval]
    next: Opt[text]


class ApprovalPageResult(Variant, total=False):
    Ok: ApprovalPage
    Err: Error


class TargetInput(Record):
    """A canister that pipelines deploy to. Without `canister` the first release creates it.

    The deployment canister must be a controller of a given `canister`. `controllers` are added to
    a created one, `cycles` is what it is created with.
    """

    target: text
    repository: text
    network: text
    canister: Opt[Principal]
    controllers: Vec[Principal]
    cycles: nat


class Target(Record):
    target: text
    repository: text
    network: text
    canister: Opt[Principal]
    controllers: Vec[Principal]
    cycles: nat
    module_hash: Opt[blob]
    last_release: Opt[text]
    busy: Opt[text]


class TargetResult(Variant, total=False):
    Ok: Target
    Err: Error


class TargetPage(Record):
    items: Vec[Target]
    next: Opt[text]


class TargetPageResult(Variant, total=False):
    Ok: TargetPage
    Err: Error


class ModeResult(Variant, total=False):
    """The mode that `Auto` means for a target now: `Install` or `Upgrade`."""

    Ok: Mode
    Err: Error


class ReleaseOrder(Record):
    """`verification` -> `deployment`: these bytes were approved. Sent again until acknowledged."""

    approval: text
    run: text
    repository: text
    target: text
    stage: text
    artifact: text
    sha256: text
    size: nat64
    mode: Mode
    memory: MemoryPersistence
    install_arg: blob
    upgrade_arg: blob


class ReleaseState(Variant, total=False):
    """Steps in order; a failure names the step and the reason and leaves the target as it was."""

    Queued: null
    Fetching: null
    Creating: null
    Stopping: null
    Snapshotting: null
    Uploading: null
    Installing: null
    Starting: null
    Checking: null
    Succeeded: null
    Failed: text
    RollingBack: null
    RolledBack: null


class Release(Record):
    """One deployment of one agreed artifact to one target.

    `previous_hash` and `snapshot` are what a rollback returns to. `note` says why the last attempt
    to roll back failed.
    """

    release: text
    order: ReleaseOrder
    state: ReleaseState
    canister: Opt[Principal]
    module_hash: Opt[blob]
    previous_hash: Opt[blob]
    snapshot: Opt[blob]
    note: Opt[text]
    created_ns: nat64
    updated_ns: nat64


class ReleaseResult(Variant, total=False):
    Ok: Release
    Err: Error


class ReleasePage(Record):
    items: Vec[Release]
    next: Opt[text]


class ReleasePageResult(Variant, total=False):
    Ok: ReleasePage
    Err: Error


class TextResult(Variant, total=False):
    """`Ok` names the record that was made (a run, an approval, a release)."""

    Ok: text
    Err: Error
