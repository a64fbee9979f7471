"""Records and calls of the canister `pipeline_config`.

Made from canisters/pipeline_config/pipeline_config.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TypedDict

from dcanary.client.actor import Canister


class ApprovalPolicy(TypedDict):
    approvers: list[str]
    threshold: int
    ttl_seconds: int


class Deploy(TypedDict):
    artifact: str
    install_arg: bytes
    memory: MemoryPersistence
    mode: Mode
    stage: str
    target: str
    upgrade_arg: bytes


class Gate(TypedDict, total=False):
    """Exactly one of these cases."""

    MaxArtifactBytes: int
    MemoryMode: None
    ModuleKind: None


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


class Needs(TypedDict):
    cpus: int | None
    image: str | None
    labels: list[str]
    region: str | None


class PageRequest(TypedDict):
    cursor: str | None
    limit: int


class Pipeline(TypedDict):
    author: str
    created_ns: int
    definition: PipelineInput
    version: int


class PipelineInput(TypedDict):
    approval: ApprovalPolicy
    deploy: Deploy | None
    environment: list[Variable]
    gates: list[Gate]
    name: str
    queue_seconds: int | None
    repository: str
    stages: list[Stage]
    triggers: list[Trigger]


class PipelinePage(TypedDict):
    items: list[Pipeline]
    next: str | None


class Resources(TypedDict):
    memory_bytes: int
    network: bool
    output_bytes: int
    processes: int
    storage_bytes: int
    timeout_seconds: int


class Role(TypedDict, total=False):
    """Exactly one of these cases."""

    Admin: None
    Approver: None
    Executor: None
    Operator: None
    Owner: None
    Viewer: None


class RunRequest(TypedDict):
    delivery: str
    run: str
    source: Source
    started_by: str | None


class Runtime(TypedDict, total=False):
    """Exactly one of these cases."""

    Azle: None
    Motoko: None
    Node: None
    Python: None
    Rust: None
    Shell: None


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


class Stage(TypedDict):
    artifacts: list[str]
    commands: list[str]
    depends_on: list[str]
    environment: list[Variable]
    grace_seconds: int | None
    name: str
    needs: Needs | None
    quorum: int
    replicas: int
    resources: Resources
    retries: int
    runtime: Runtime


class Trigger(TypedDict, total=False):
    """Exactly one of these cases."""

    Manual: None
    PullRequest: list[str]
    Push: list[str]
    Tag: list[str]


class Variable(TypedDict):
    name: str
    value: str


class PipelineConfig(Canister):
    """Typed calls to `pipeline_config`: a method gives the value of Ok, or raises RefusedError."""

    did = "pipeline_config.did"

    def delete_pipeline(self, text: str, /) -> None:
        self.ask("delete_pipeline", text)

    def get_pipeline_config(self, text: str, /, *, certified: bool = False) -> Pipeline:
        answer: Pipeline = self.ask("get_pipeline_config", text, certified=certified)
        return answer

    def get_pipeline_version(
        self, text: str, nat32: int, /, *, certified: bool = False
    ) -> Pipeline:
        answer: Pipeline = self.ask("get_pipeline_version", text, nat32, certified=certified)
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

    def list_pipeline_versions(
        self, text: str, page_request: PageRequest, /, *, certified: bool = False
    ) -> PipelinePage:
        answer: PipelinePage = self.ask(
            "list_pipeline_versions", text, page_request, certified=certified
        )
        return answer

    def list_pipelines(
        self, page_request: PageRequest, /, *, certified: bool = False
    ) -> PipelinePage:
        answer: PipelinePage = self.ask("list_pipelines", page_request, certified=certified)
        return answer

    def register_pipeline(self, pipeline_input: PipelineInput, /) -> Pipeline:
        answer: Pipeline = self.ask("register_pipeline", pipeline_input)
        return answer

    def revoke_role(self, principal: str, text: str, /) -> None:
        self.ask("revoke_role", principal, text)

    def set_pipeline_triggers(self, text: str, value: list[Trigger], /) -> Pipeline:
        answer: Pipeline = self.ask("set_pipeline_triggers", text, value)
        return answer

    def siblings(self, *, certified: bool = False) -> Siblings | None:
        answer: Siblings | None = self.call("siblings", certified=certified)
        return answer

    def start_run(self, run_request: RunRequest, /) -> None:
        self.ask("start_run", run_request)

    def update_pipeline(self, pipeline_input: PipelineInput, /) -> Pipeline:
        answer: Pipeline = self.ask("update_pipeline", pipeline_input)
        return answer

    def update_pipeline_stages(self, text: str, value: list[Stage], /) -> Pipeline:
        answer: Pipeline = self.ask("update_pipeline_stages", text, value)
        return answer

    def wire(self, siblings: Siblings, /) -> None:
        self.ask("wire", siblings)
