"""Records and variants of the canister `verification`.

Made from canisters/verification/verification.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TypedDict


class Approval(TypedDict):
    approval: str
    counted: list[str]
    created_ns: int
    digest: str | None
    expires_ns: int
    gates: list[GateResult]
    order: Order | None
    policy: ApprovalPolicy
    release: str | None
    request: ApprovalInput
    state: ApprovalState
    votes: list[ApprovalVote]


class ApprovalDecision(TypedDict):
    approval: str
    approve: bool
    comment: str
    digest: str


class ApprovalInput(TypedDict):
    artifact: str
    assets: str | None
    attempt: int | None
    gates: list[Gate]
    install_arg: bytes
    install_references: list[Reference] | None
    memory: MemoryPersistence
    mode: Mode
    pipeline_version: int
    policy: ApprovalPolicy
    run: str
    sha256: str
    size: int
    source: Source
    stage: str
    target: str
    upgrade_arg: bytes
    upgrade_references: list[Reference] | None


class ApprovalPage(TypedDict):
    items: list[Approval]
    next: str | None


class ApprovalPolicy(TypedDict):
    approvers: list[str]
    threshold: int
    ttl_seconds: int


class ApprovalState(TypedDict, total=False):
    """Exactly one of these cases."""

    Approved: None
    Blocked: str
    Expired: None
    Pending: None
    Rejected: None
    ReleaseFailed: str
    Released: str
    Releasing: str
    Superseded: str


class ApprovalVote(TypedDict):
    approve: bool
    approver: str
    at_ns: int
    comment: str


class Asset(TypedDict):
    content_encoding: str
    content_type: str
    encodings: list[AssetEncoding] | None
    key: str
    properties: AssetProperties | None
    sha256: str
    size: int


class AssetEncoding(TypedDict):
    content_encoding: str
    sha256: str
    size: int


class AssetHeader(TypedDict):
    name: str
    value: str


class AssetProperties(TypedDict):
    allow_raw_access: bool
    enable_aliasing: bool | None
    headers: list[AssetHeader]
    max_age: int | None


class CommitDescription(TypedDict):
    author: str
    message: str


class CommitmentRecord(TypedDict):
    commitment: bytes
    executor: str
    job: str
    operator: str
    run: str
    stage: str


class Creation(TypedDict):
    controllers: list[str]
    cycles: int


class Dispute(TypedDict):
    differing: list[str]
    executor: str
    operator: str
    reason: str


class File(TypedDict):
    path: str
    sha256: str
    size: int


class Flaky(TypedDict, total=False):
    """Exactly one of these cases."""

    Fail: None
    Tolerate: None


class FlakyTest(TypedDict):
    failed: list[str]
    passed: list[str]
    test: str


class Gate(TypedDict, total=False):
    """Exactly one of these cases."""

    MaxArtifactBytes: int
    MemoryMode: None
    ModuleKind: None


class GateResult(TypedDict):
    detail: str
    gate: Gate
    passed: bool


class Grant(TypedDict):
    principal: str
    roles: list[Role]


class GrantPage(TypedDict):
    items: list[Grant]
    next: str | None


class Health(TypedDict):
    cycles: int
    instructions: int
    name: str
    open: int
    records: int
    version: str
    wired: bool


class MemoryPersistence(TypedDict, total=False):
    """Exactly one of these cases."""

    Default: None
    Keep: None
    Replace: None


class Mode(TypedDict, total=False):
    """Exactly one of these cases."""

    Auto: None
    Install: None
    Reinstall: None
    Upgrade: None


class Order(TypedDict):
    argument: bytes
    artifact: str
    assets: OrderAssets | None
    canister: str | None
    creates: Creation | None
    gates: list[GateResult]
    memory: MemoryPersistence
    mode: Mode
    network: str
    pipeline_version: int
    replaces: bytes | None
    repository: str
    run: str
    sha256: str
    size: int
    source: Source
    stage: str
    target: str
    verdict: OrderVerdict


class OrderAssets(TypedDict):
    bytes: int
    digest: str
    files: int
    folder: str


class OrderVerdict(TypedDict):
    environment: str
    manifest: str
    operators: list[str]
    quorum: int
    replicas: int


class Outcome(TypedDict, total=False):
    """Exactly one of these cases."""

    Failed: str
    Succeeded: None


class PageRequest(TypedDict):
    cursor: str | None
    limit: int


class Phase(TypedDict, total=False):
    """Exactly one of these cases."""

    Closed: None
    Commit: None
    Reveal: None


class PipelineVerification(TypedDict):
    run: str
    stages: list[StageVerification]
    verified: bool


class Reference(TypedDict):
    canister: str
    offset: int
    textual: bool


class ReleaseProgress(TypedDict, total=False):
    """Exactly one of these cases."""

    Failed: str
    Released: None
    Releasing: None
    RolledBack: str


class ReleaseReport(TypedDict):
    approval: str
    attempt: int | None
    release: str
    state: ReleaseProgress


class RevealInput(TypedDict):
    commit: CommitDescription | None
    environment: str
    files: list[File]
    job: str
    nonce: bytes
    outcome: Outcome
    run: str
    stage: str
    tests: TestReport | None


class Role(TypedDict, total=False):
    """Exactly one of these cases."""

    Admin: None
    Approver: None
    Executor: None
    Operator: None
    Owner: None
    Reporter: None
    Viewer: None


class Round(TypedDict):
    commit_until_ns: int
    phase: Phase
    quorum: int
    replicas: int
    repository: str
    reveal_until_ns: int
    run: str
    stage: str
    verdict: Verdict | None
    votes: list[Vote]


class RoundInput(TypedDict):
    commit_until_ns: int
    flaky: Flaky | None
    quorum: int
    replicas: int
    repository: str
    run: str
    stage: str


class Siblings(TypedDict):
    build_executor: str
    deployment: str
    pipeline_config: str
    verification: str
    webhook: str


class Source(TypedDict):
    author: str
    clone_url: str
    message: str
    ref: str
    repository: str
    sha: str


class StageVerification(TypedDict):
    agreed: list[str]
    manifest: str
    others: list[str]
    phase: Phase | None
    reason: str
    stage: str
    verdict: VerdictKind | None


class TestReport(TypedDict):
    failed: list[str]
    failed_count: int
    ran: int
    skipped: int


class Verdict(TypedDict):
    commit: CommitDescription | None
    decided_ns: int
    disputes: list[Dispute]
    environment: str
    files: list[File]
    flaky_tests: list[FlakyTest] | None
    jobs: list[str]
    kind: VerdictKind
    manifest: str
    reason: str


class VerdictKind(TypedDict, total=False):
    """Exactly one of these cases."""

    Agreed: None
    Disagreed: None
    Failed: None
    Inconclusive: None


class Vote(TypedDict):
    commit: str
    committed_ns: int
    environment: str
    executor: str
    job: str
    manifest: str
    operator: str
    outcome: Outcome | None
    revealed_ns: int | None
    tests: TestReport | None
