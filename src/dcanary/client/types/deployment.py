"""Records and variants of the canister `deployment`.

Made from canisters/deployment/deployment.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TypedDict


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


class Creation(TypedDict):
    controllers: list[str]
    cycles: int


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


class PageRequest(TypedDict):
    cursor: str | None
    limit: int


class Plan(TypedDict):
    canister: str | None
    canisters: list[TargetCanister] | None
    creates: Creation | None
    gates: list[GateResult]
    mode: Mode
    network: str
    replaces: bytes | None


class PlanRequest(TypedDict):
    artifact: str
    memory: MemoryPersistence
    mode: Mode
    references: list[str] | None
    release: str | None
    repository: str
    run: str
    sha256: str
    size: int
    stage: str
    target: str


class Release(TypedDict):
    canister: str | None
    created: bool | None
    created_ns: int
    digest: str | None
    installed: bool
    module_hash: bytes | None
    note: str | None
    order: ReleaseOrder
    previous_hash: bytes | None
    release: str
    rollback: RollbackOrder | None
    rolled_back_by: str | None
    snapshot: bytes | None
    state: ReleaseState
    updated_ns: int


class ReleaseOrder(TypedDict):
    approval: str
    artifact: str
    assets: list[Asset] | None
    attempt: int | None
    digest: str | None
    install_arg: bytes
    memory: MemoryPersistence
    mode: Mode
    order: Order | None
    repository: str
    run: str
    sha256: str
    size: int
    stage: str
    target: str
    upgrade_arg: bytes


class ReleasePage(TypedDict):
    items: list[Release]
    next: str | None


class ReleaseState(TypedDict, total=False):
    """Exactly one of these cases."""

    Cancelled: str
    Checking: None
    ConcurrentChange: str
    Creating: None
    Failed: str
    Fetching: None
    Installing: None
    Queued: None
    RolledBack: None
    RollingBack: None
    Snapshotting: None
    Starting: None
    Stopping: None
    Succeeded: None
    Uploading: None


class Role(TypedDict, total=False):
    """Exactly one of these cases."""

    Admin: None
    Approver: None
    Executor: None
    Operator: None
    Owner: None
    Reporter: None
    Viewer: None


class RollbackOrder(TypedDict):
    canister: str
    difference: str | None
    network: str
    replaces: bytes | None
    returns_to: bytes
    snapshot: bytes
    target: str
    undoes: str


class RollbackPlan(TypedDict):
    digest: str
    order: RollbackOrder


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


class Target(TypedDict):
    busy: str | None
    canister: str | None
    controllers: list[str]
    cycles: int
    last_change: str | None
    last_release: str | None
    module_hash: bytes | None
    network: str
    repository: str
    target: str
    topped_up: TopUp | None


class TargetCanister(TypedDict):
    canister: str
    target: str


class TargetInput(TypedDict):
    canister: str | None
    controllers: list[str]
    cycles: int
    network: str
    repository: str
    target: str


class TargetPage(TypedDict):
    items: list[Target]
    next: str | None


class TopUp(TypedDict):
    at_ns: int
    by: str
    last: int
    total: int
