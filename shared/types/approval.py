"""Approval requests: what is ordered, what the gates say, and what people decide."""

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


class AssetHeader(Record):
    name: text
    value: text


class AssetProperties(Record):
    """How an asset canister serves a file, as the folder's `.ic-assets.json5` says.

    `max_age` is in seconds, absent when none is told to browsers. `headers` are sorted by name.
    `enable_aliasing` is absent when the canister's default is to be used.
    """

    max_age: Opt[nat64]
    headers: Vec[AssetHeader]
    allow_raw_access: bool
    enable_aliasing: Opt[bool]


class AssetEncoding(Record):
    """Another form of a file, with the sha256 of its own bytes: `content_encoding` is `gzip`."""

    content_encoding: text
    sha256: text
    size: nat64


class Asset(Record):
    """One file of an asset canister. `key` is its path below the folder, after a `/`.

    `sha256` is lower-case hexadecimal, of the bytes as they are stored: `content_encoding` is
    `identity`. `properties` are absent when the folder has no settings; `encodings` are stored
    beside the file, absent when there are none.
    """

    key: text
    sha256: text
    size: nat64
    content_type: text
    content_encoding: text
    properties: Opt[AssetProperties]
    encodings: Opt[Vec[AssetEncoding]]


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
