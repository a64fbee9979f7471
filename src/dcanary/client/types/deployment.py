"""Records and calls of the canister `deployment`.

Made from canisters/deployment/deployment.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TypedDict

from dcanary.client.actor import Canister


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
    canister: str | None
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


class OrderVerdict(TypedDict):
    environment: str
    manifest: str
    operators: list[str]
    quorum: int
    replicas: int


class PageRequest(TypedDict):
    cursor: str | None
    limit: int


class Release(TypedDict):
    canister: str | None
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
    last_release: str | None
    module_hash: bytes | None
    network: str
    repository: str
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


class Deployment(Canister):
    """Typed calls to `deployment`: a method gives the value of Ok, or raises RefusedError."""

    did = "deployment.did"

    def delete_target(self, text: str, /) -> None:
        self.ask("delete_target", text)

    def get_release(self, text: str, /, *, certified: bool = False) -> Release:
        answer: Release = self.ask("get_release", text, certified=certified)
        return answer

    def get_target(self, text: str, /, *, certified: bool = False) -> Target:
        answer: Target = self.ask("get_target", text, certified=certified)
        return answer

    def grant_role(self, principal: str, text: str, /) -> None:
        self.ask("grant_role", principal, text)

    def health(self, *, certified: bool = False) -> Health:
        answer: Health = self.call("health", certified=certified)
        return answer

    def instructions(self, *, certified: bool = False) -> list[tuple[str, int]]:
        answer: list[tuple[str, int]] = self.call("instructions", certified=certified)
        return answer

    def list_grants(self, page_request: PageRequest, /, *, certified: bool = False) -> GrantPage:
        answer: GrantPage = self.ask("list_grants", page_request, certified=certified)
        return answer

    def list_releases(
        self, text: str | None, page_request: PageRequest, /, *, certified: bool = False
    ) -> ReleasePage:
        answer: ReleasePage = self.ask("list_releases", text, page_request, certified=certified)
        return answer

    def list_targets(self, page_request: PageRequest, /, *, certified: bool = False) -> TargetPage:
        answer: TargetPage = self.ask("list_targets", page_request, certified=certified)
        return answer

    def plan_mode(self, text: str, text_: str, /) -> Mode:
        answer: Mode = self.ask("plan_mode", text, text_)
        return answer

    def register_target(self, target_input: TargetInput, /) -> Target:
        answer: Target = self.ask("register_target", target_input)
        return answer

    def revoke_role(self, principal: str, text: str, /) -> None:
        self.ask("revoke_role", principal, text)

    def rollback_release(self, text: str, /) -> Release:
        answer: Release = self.ask("rollback_release", text)
        return answer

    def siblings(self, *, certified: bool = False) -> Siblings | None:
        answer: Siblings | None = self.call("siblings", certified=certified)
        return answer

    def start_release(self, release_order: ReleaseOrder, /) -> str:
        answer: str = self.ask("start_release", release_order)
        return answer

    def start_target(self, text: str, /) -> None:
        self.ask("start_target", text)

    def stop_target(self, text: str, /) -> None:
        self.ask("stop_target", text)

    def update_target(self, target_input: TargetInput, /) -> Target:
        answer: Target = self.ask("update_target", target_input)
        return answer

    def wire(self, siblings: Siblings, /) -> None:
        self.ask("wire", siblings)
