"""Drafts: pipelines as a person types them. Fields that are left out get their defaults.

Each stands for the record of `shared.types.pipeline` whose name it has, without `Draft`; whoever
sends that record whole sends a draft, too.
"""

from kybra import Opt, Principal, Record, Vec, blob, nat16, nat32, nat64, text

from shared.types.pipeline import (
    Cache,
    Fetch,
    Gate,
    Keep,
    MemoryPersistence,
    Mode,
    Needs,
    Reference,
    Reports,
    RetryCause,
    Runtime,
    TemplateUse,
    Trigger,
    Variable,
)


class ResourcesDraft(Record):
    """Absent: 2 GiB of memory, 1 GiB of storage, 1 MiB of output, 64 processes, 600 s, no network.

    Of a fetch stage: what the executor's own work takes.
    """

    memory_bytes: Opt[nat64]
    storage_bytes: Opt[nat64]
    output_bytes: Opt[nat64]
    processes: Opt[nat32]
    timeout_seconds: Opt[nat32]
    network: Opt[bool]


class StageDraft(Record):
    """Absent: runtime Shell in the executors' own image, 3 replicas, a majority of them as quorum,
    one retry, nothing else. A stage needs `commands`, or `fetch`.
    """

    name: text
    runtime: Opt[Runtime]
    commands: Opt[Vec[text]]
    depends_on: Opt[Vec[text]]
    environment: Opt[Vec[Variable]]
    resources: Opt[ResourcesDraft]
    artifacts: Opt[Vec[text]]
    replicas: Opt[nat16]
    quorum: Opt[nat16]
    retries: Opt[nat16]
    needs: Opt[Needs]
    grace_seconds: Opt[nat32]
    fetch: Opt[Fetch]
    keep: Opt[Keep]
    secrets: Opt[Vec[text]]
    reports: Opt[Reports]
    cache: Opt[Cache]
    group: Opt[text]
    parallel: Opt[nat16]
    retry_causes: Opt[Vec[RetryCause]]


class ApprovalPolicyDraft(Record):
    """Absent in a new pipeline: nobody, 1 of them, 24 hours; in a change: as it was."""

    approvers: Opt[Vec[Principal]]
    threshold: Opt[nat16]
    ttl_seconds: Opt[nat64]


class DeployDraft(Record):
    """Absent: modes Auto and Default, arguments `()`."""

    target: text
    stage: text
    artifact: text
    mode: Opt[Mode]
    memory: Opt[MemoryPersistence]
    install_arg: Opt[blob]
    upgrade_arg: Opt[blob]
    depends_on: Opt[Vec[text]]
    install_references: Opt[Vec[Reference]]
    upgrade_references: Opt[Vec[Reference]]
    assets: Opt[text]


class PipelineInputDraft(Record):
    """Absent: the repository's name, started by hand only, nothing else."""

    repository: text
    stages: Vec[StageDraft]
    name: Opt[text]
    triggers: Opt[Vec[Trigger]]
    environment: Opt[Vec[Variable]]
    gates: Opt[Vec[Gate]]
    approval: Opt[ApprovalPolicyDraft]
    deploy: Opt[DeployDraft]
    queue_seconds: Opt[nat32]
    deploys: Opt[Vec[DeployDraft]]
    priority: Opt[nat16]
    template: Opt[TemplateUse]
