"""Records and variants of the canister `pipeline_config`.

Made from canisters/pipeline_config/pipeline_config.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TypedDict


class ApprovalPolicy(TypedDict):
    approvers: list[str]
    threshold: int
    ttl_seconds: int


class ApprovalPolicyDraft(TypedDict):
    approvers: list[str] | None
    threshold: int | None
    ttl_seconds: int | None


class Cache(TypedDict):
    inputs: list[str]


class Credential(TypedDict):
    address: str | None
    host_keys: list[str] | None
    kind: CredentialKind
    repository: str
    secret: str
    username: str


class CredentialKind(TypedDict, total=False):
    """Exactly one of these cases."""

    DeployKey: None
    Token: None


class Deploy(TypedDict):
    artifact: str
    assets: str | None
    depends_on: list[str] | None
    install_arg: bytes
    install_references: list[Reference] | None
    memory: MemoryPersistence
    mode: Mode
    stage: str
    target: str
    upgrade_arg: bytes
    upgrade_references: list[Reference] | None


class DeployDraft(TypedDict):
    artifact: str
    assets: str | None
    depends_on: list[str] | None
    install_arg: bytes | None
    install_references: list[Reference] | None
    memory: MemoryPersistence | None
    mode: Mode | None
    stage: str
    target: str
    upgrade_arg: bytes | None
    upgrade_references: list[Reference] | None


class Fetch(TypedDict):
    hosts: list[str]
    locks: list[str]


class Flaky(TypedDict, total=False):
    """Exactly one of these cases."""

    Fail: None
    Tolerate: None


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


class HandedCredential(TypedDict):
    address: str | None
    host_keys: list[str] | None
    kind: CredentialKind
    secret: HandedSecret
    username: str


class HandedSecret(TypedDict):
    copy: SealedCopy | None
    name: str
    repository: str | None
    version: int


class Health(TypedDict):
    cycles: int
    instructions: int
    name: str
    open: int
    records: int
    version: str
    wired: bool


class Keep(TypedDict, total=False):
    """Exactly one of these cases."""

    Chain: None
    Executors: None


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
    image_lock: str | None
    labels: list[str]
    region: str | None


class PageRequest(TypedDict):
    cursor: str | None
    limit: int


class ParameterKind(TypedDict, total=False):
    """Exactly one of these cases."""

    List: None
    Text: None


class ParameterValue(TypedDict):
    name: str
    values: list[str]


class Pipeline(TypedDict):
    author: str
    created_ns: int
    definition: PipelineInput
    version: int


class PipelineInput(TypedDict):
    approval: ApprovalPolicy
    deploy: Deploy | None
    deploys: list[Deploy] | None
    environment: list[Variable]
    gates: list[Gate]
    name: str
    priority: int | None
    queue_seconds: int | None
    repository: str
    stages: list[Stage]
    template: TemplateUse | None
    triggers: list[Trigger]


class PipelineInputDraft(TypedDict):
    approval: ApprovalPolicyDraft | None
    deploy: DeployDraft | None
    deploys: list[DeployDraft] | None
    environment: list[Variable] | None
    gates: list[Gate] | None
    name: str | None
    priority: int | None
    queue_seconds: int | None
    repository: str
    stages: list[StageDraft]
    template: TemplateUse | None
    triggers: list[Trigger] | None


class PipelinePage(TypedDict):
    items: list[Pipeline]
    next: str | None


class PullRequest(TypedDict):
    deploys: bool
    fork: bool
    head: str
    head_repository: str
    number: int
    target: str
    title: str


class PullRequestFilter(TypedDict):
    branches: list[str]
    deploy: bool | None
    drafts: bool | None
    labels: list[str] | None
    types: list[str] | None


class PushFilter(TypedDict):
    authors: list[str] | None
    branches: list[str]
    paths: list[str] | None
    paths_ignore: list[str] | None


class Reference(TypedDict):
    canister: str
    offset: int
    textual: bool


class Reports(TypedDict):
    flaky: Flaky | None
    tests: str | None


class Resources(TypedDict):
    memory_bytes: int
    network: bool
    output_bytes: int
    processes: int
    storage_bytes: int
    timeout_seconds: int


class ResourcesDraft(TypedDict):
    memory_bytes: int | None
    network: bool | None
    output_bytes: int | None
    processes: int | None
    storage_bytes: int | None
    timeout_seconds: int | None


class RetryCause(TypedDict):
    cause: str
    times: int


class Role(TypedDict, total=False):
    """Exactly one of these cases."""

    Admin: None
    Approver: None
    Executor: None
    Operator: None
    Owner: None
    Reporter: None
    Viewer: None


class RunRequest(TypedDict):
    delivery: str
    pull_request: PullRequest | None
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


class Schedule(TypedDict):
    cron: str
    ref: str
    rule: str
    zone: str


class SealedCopy(TypedDict):
    key: bytes
    recipient: str
    sealed: bytes


class Secret(TypedDict):
    author: str
    name: str
    recipients: list[SecretRecipient]
    repository: str | None
    restricted: bool
    sealed_ns: int
    set_ns: int
    version: int


class SecretGrant(TypedDict):
    credential: HandedCredential | None
    secrets: list[HandedSecret]


class SecretInput(TypedDict):
    copies: list[SealedCopy]
    name: str
    repository: str | None
    restricted: bool
    version: int


class SecretPage(TypedDict):
    items: list[Secret]
    next: str | None


class SecretRecipient(TypedDict):
    key: bytes
    recipient: str


class SecretUse(TypedDict):
    at_ns: int
    attempt: int
    executor: str
    job: str
    operator: str
    run: str
    stage: str
    version: int


class SecretUsePage(TypedDict):
    items: list[SecretUse]
    next: str | None


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
    cache: Cache | None
    commands: list[str]
    depends_on: list[str]
    environment: list[Variable]
    fetch: Fetch | None
    grace_seconds: int | None
    group: str | None
    keep: Keep | None
    name: str
    needs: Needs | None
    parallel: int | None
    quorum: int
    replicas: int
    reports: Reports | None
    resources: Resources
    retries: int
    retry_causes: list[RetryCause] | None
    runtime: Runtime
    secrets: list[str] | None


class StageDraft(TypedDict):
    artifacts: list[str] | None
    cache: Cache | None
    commands: list[str] | None
    depends_on: list[str] | None
    environment: list[Variable] | None
    fetch: Fetch | None
    grace_seconds: int | None
    group: str | None
    keep: Keep | None
    name: str
    needs: Needs | None
    parallel: int | None
    quorum: int | None
    replicas: int | None
    reports: Reports | None
    resources: ResourcesDraft | None
    retries: int | None
    retry_causes: list[RetryCause] | None
    runtime: Runtime | None
    secrets: list[str] | None


class Template(TypedDict):
    author: str
    created_ns: int
    definition: TemplateInput
    version: int


class TemplateInput(TypedDict):
    category: str
    description: str
    name: str
    parameters: list[TemplateParameter]
    shipped: str | None
    text: str


class TemplatePage(TypedDict):
    items: list[Template]
    next: str | None


class TemplateParameter(TypedDict):
    about: str
    default: list[str] | None
    kind: ParameterKind
    name: str
    pattern: str | None


class TemplateUse(TypedDict):
    name: str
    values: list[ParameterValue] | None
    version: int


class Trigger(TypedDict, total=False):
    """Exactly one of these cases."""

    FilteredPullRequest: PullRequestFilter
    FilteredPush: PushFilter
    Manual: None
    PullRequest: list[str]
    Push: list[str]
    Release: list[str]
    Schedule: Schedule
    Tag: list[str]


class Variable(TypedDict):
    name: str
    value: str
