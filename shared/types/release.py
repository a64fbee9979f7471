"""Releases: what is planned, carried out, reported and taken back."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat64, null, text

from shared.types.approval import Asset, Creation, GateResult, Order
from shared.types.errors import Error
from shared.types.pipeline import MemoryPersistence, Mode
from shared.types.target import TargetCanister


class PlanRequest(Record):
    """`verification` -> `deployment`: what would this release do to its target now?

    `references` are targets whose canisters the arguments refer to. `release` is the last one of an
    order that is to be carried out again: what it has done already is not done twice.
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
    release: Opt[text]


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
