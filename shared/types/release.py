"""Words of the release family: orders, approval requests, targets, releases."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat, nat16, nat32, nat64, null, text

from shared.types.errors import Error
from shared.types.pipeline import ApprovalPolicy, Gate, MemoryPersistence, Mode, Reference
from shared.types.run import Source


class ApprovalInput(Record):
    """`build_executor` -> `verification`: may these bytes go to that target?

    `attempt` counts the requests of one run and target, from 1 (absent: 1). A repeated attempt is
    the same request; a higher one asks anew when the earlier one has ended without a release.
    References say where ids of targets go into the arguments: the order has the ids in it.
    `assets` is the folder of the stage's agreed files that go into the target.
    """

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
    attempt: Opt[nat16]
    install_references: Opt[Vec[Reference]]
    upgrade_references: Opt[Vec[Reference]]
    assets: Opt[text]


class GateResult(Record):
    gate: Gate
    passed: bool
    detail: text


class OrderVerdict(Record):
    """The agreement behind the bytes: `operators` voted alike, sorted by name."""

    manifest: text
    environment: text
    operators: Vec[text]
    quorum: nat16
    replicas: nat16


class Creation(Record):
    """What a canister is created with: all its controllers, sorted, and the cycles sent along.

    `deployment` is among the `controllers`. The network takes its fee from the `cycles`.
    """

    controllers: Vec[Principal]
    cycles: nat


class Asset(Record):
    """One file of an asset canister. `key` is its path below the folder, after a `/`.

    `sha256` is lower-case hexadecimal, of the bytes as they are stored: `content_encoding` is
    `identity`.
    """

    key: text
    sha256: text
    size: nat64
    content_type: text
    content_encoding: text


class AssetsResult(Variant, total=False):
    """All files of one order, sorted by key; empty when it has none."""

    Ok: Vec[Asset]
    Err: Error


class OrderAssets(Record):
    """The files that a release puts into its target: all that it has then.

    `digest` is the sha256 of the canonical encoding of the list of them (`Asset`), sorted by key.
    `folder` ends in `/`; `bytes` is the sum of their sizes.
    """

    folder: text
    digest: text
    files: nat32
    bytes: nat64


class Order(Record):
    """All that a release will do. Its digest is the sha256 of its canonical encoding.

    See `shared.rules.orders`. `canister` is absent when the release creates it: then `creates` says
    with what, but in orders of earlier versions. `mode` is never `Auto`; `argument` is the one that
    the mode uses (empty: no arguments); `replaces` is the hash of the module that the target ran
    when people were asked, absent when it had none. `assets` is there when the target gets files.
    """

    target: text
    canister: Opt[Principal]
    network: text
    repository: text
    run: text
    source: Source
    pipeline_version: nat32
    stage: text
    artifact: text
    sha256: text
    size: nat64
    mode: Mode
    memory: MemoryPersistence
    argument: blob
    verdict: OrderVerdict
    gates: Vec[GateResult]
    replaces: Opt[blob]
    creates: Opt[Creation]
    assets: Opt[OrderAssets]


class ApprovalState(Variant, total=False):
    """From request to release; a text names the release or says why not.

    `Blocked`: a gate failed or the order was refused. `Superseded`: a newer run was released to
    the target. `Releasing` and `Released` name the release. `ReleaseFailed` can be retried.
    """

    Pending: null
    Approved: null
    Rejected: null
    Expired: null
    Blocked: text
    Superseded: text
    Releasing: text
    ReleaseFailed: text
    Released: text


class ApprovalVote(Record):
    approver: Principal
    approve: bool
    comment: text
    at_ns: nat64


class Approval(Record):
    """An immutable request and the votes on it. `mode` is never `Auto`.

    `digest` is what a decision binds: the sha256 of the whole `order`, in hexadecimal. Both are
    absent for a moment after an upgrade from a version that made none. `policy` is the one in
    force now, `counted` are the votes that count under it. `release` is the last one started.
    """

    approval: text
    request: ApprovalInput
    gates: Vec[GateResult]
    state: ApprovalState
    votes: Vec[ApprovalVote]
    created_ns: nat64
    expires_ns: nat64
    order: Opt[Order]
    digest: Opt[text]
    release: Opt[text]
    policy: ApprovalPolicy
    counted: Vec[Principal]


class ApprovalDecision(Record):
    """`digest` repeats the order's digest that the approver was shown: another one is refused."""

    approval: text
    digest: text
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


class TopUp(Record):
    """Cycles that deployment has sent to a target's canister: in all, the last time, by whom."""

    total: nat
    last: nat
    by: text
    at_ns: nat64


class Target(Record):
    """`module_hash` is the module that the canister ran when deployment last looked.

    `last_release` is the release that made it, `last_change` the last that changed the canister:
    after a rollback that is the rollback.
    """

    target: text
    repository: text
    network: text
    canister: Opt[Principal]
    controllers: Vec[Principal]
    cycles: nat
    module_hash: Opt[blob]
    last_release: Opt[text]
    busy: Opt[text]
    last_change: Opt[text]
    topped_up: Opt[TopUp]


class TargetResult(Variant, total=False):
    Ok: Target
    Err: Error


class TargetPage(Record):
    items: Vec[Target]
    next: Opt[text]


class TargetPageResult(Variant, total=False):
    Ok: TargetPage
    Err: Error


class PlanRequest(Record):
    """`verification` -> `deployment`: what would this release do to its target now?

    `references` are targets whose canisters the arguments refer to.
    """

    target: text
    repository: text
    run: text
    stage: text
    artifact: text
    sha256: text
    size: nat64
    mode: Mode
    memory: MemoryPersistence
    references: Opt[Vec[text]]


class TargetCanister(Record):
    target: text
    canister: Principal


class Plan(Record):
    """The part of an order that depends on the target and on the artifact's first bytes.

    `creates` is there when the target has no canister yet; `canisters` are those of the targets
    that the request refers to.
    """

    canister: Opt[Principal]
    network: text
    mode: Mode
    replaces: Opt[blob]
    gates: Vec[GateResult]
    creates: Opt[Creation]
    canisters: Opt[Vec[TargetCanister]]


class PlanResult(Variant, total=False):
    Ok: Plan
    Err: Error


class ReleaseOrder(Record):
    """`verification` -> `deployment`: these bytes were approved. Sent again until acknowledged.

    `order` and `digest` are what was approved: deployment computes the digest again and refuses a
    message whose other fields say something else. They are absent only in what versions before
    0.2 stored. `attempt` counts the releases of one approval, from 1 (absent: 1). `assets` are the
    files whose digest the order names; deployment keeps them apart.
    """

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
    order: Opt[Order]
    digest: Opt[text]
    attempt: Opt[nat16]
    assets: Opt[Vec[Asset]]


class ReleaseState(Variant, total=False):
    """Steps in order; a failure names the step, the reason, and what the target runs now.

    `ConcurrentChange`: somebody else changed the canister; the release stopped before it harmed.
    `RolledBack`: what this release installed was taken back by a later rollback.
    """

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
    ConcurrentChange: text
    Cancelled: text
    RollingBack: null
    RolledBack: null


class RollbackOrder(Record):
    """All that a rollback will do. Its digest is computed like that of an `Order`.

    It takes back `undoes`, the release that made what the target runs: `canister` loads
    `snapshot`, so that module `returns_to` runs in place of `replaces` (the module it runs now).
    `difference` says what somebody else changed since; absent when nothing.
    """

    target: text
    canister: Principal
    network: text
    undoes: text
    snapshot: blob
    returns_to: blob
    replaces: Opt[blob]
    difference: Opt[text]


class RollbackPlan(Record):
    order: RollbackOrder
    digest: text


class RollbackPlanResult(Variant, total=False):
    Ok: RollbackPlan
    Err: Error


class Release(Record):
    """One change of one target: of an agreed artifact, or back to a snapshot (`rollback`).

    `previous_hash` and `snapshot` are what a rollback returns to. `installed`: the target ran what
    this release made. `rolled_back_by` names the rollback that took it back. For a rollback,
    `order` is that of the release which it undoes. `note` is a remark for people. `created`: this
    release made the canister; absent for releases of versions before 0.2.
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
    installed: bool
    rollback: Opt[RollbackOrder]
    digest: Opt[text]
    rolled_back_by: Opt[text]
    created: Opt[bool]


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


class ReleaseProgress(Variant, total=False):
    """How far a release is, as `deployment` tells `verification`. Later ones never go back."""

    Releasing: null
    Released: null
    Failed: text
    RolledBack: text


class ReleaseReport(Record):
    """`deployment` -> `verification`. Sent again until acknowledged.

    `attempt` is that of the order which the release carries out (absent: 1).
    """

    approval: text
    release: text
    state: ReleaseProgress
    attempt: Opt[nat16]


class NoticeState(Variant, total=False):
    """What became of a run's request, as `verification` tells `build_executor`."""

    Approving: null
    Releasing: null
    Released: null
    Rejected: text
    Failed: text


class ReleaseNotice(Record):
    """`verification` -> `build_executor`. Sent again until acknowledged.

    `attempt` is that of the request (absent: 1), `target` is what it asks about.
    """

    run: text
    approval: text
    release: Opt[text]
    state: NoticeState
    attempt: Opt[nat16]
    target: Opt[text]
