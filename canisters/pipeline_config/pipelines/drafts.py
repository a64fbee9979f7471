"""Drafts made whole: what a person leaves out has the default of `dcanary.yml`. Plain Python."""

from typing import TYPE_CHECKING, TypeVar

from shared.rules.limits import DEFAULT_APPROVAL_TTL_NS, MIB, SECOND_NS

if TYPE_CHECKING:
    from shared.types.draft import (
        ApprovalPolicyDraft,
        DeployDraft,
        PipelineInputDraft,
        ResourcesDraft,
        StageDraft,
    )
    from shared.types.pipeline import (
        ApprovalPolicy,
        Deploy,
        MemoryPersistence,
        Mode,
        PipelineInput,
        Resources,
        Runtime,
        Stage,
    )

T = TypeVar("T")

DEFAULT_REPLICAS = 3
DEFAULT_RETRIES = 1
DEFAULT_RUNTIME: "Runtime" = {"Shell": None}
DEFAULT_MODE: "Mode" = {"Auto": None}
DEFAULT_MEMORY: "MemoryPersistence" = {"Default": None}
NO_ARGUMENTS = b"DIDL\0\0"
STAGE_RESOURCES: "Resources" = {
    "memory_bytes": 2_048 * MIB,
    "storage_bytes": 1_024 * MIB,
    "output_bytes": MIB,
    "processes": 64,
    "timeout_seconds": 600,
    "network": False,
}
# Of the executor's own work: no process of a stage runs, and packages lie outside of its storage.
FETCH_RESOURCES: "Resources" = {
    "memory_bytes": 16 * MIB,
    "storage_bytes": MIB,
    "output_bytes": 1_024,
    "processes": 4,
    "timeout_seconds": 1_500,
    "network": False,
}
NOBODY: "ApprovalPolicy" = {
    "approvers": [],
    "threshold": 1,
    "ttl_seconds": DEFAULT_APPROVAL_TTL_NS // SECOND_NS,
}


def _or(given: "T | None", default: T) -> T:
    return default if given is None else given


def _resources(draft: "ResourcesDraft | None", default: "Resources") -> "Resources":
    if draft is None:
        return default
    return {
        "memory_bytes": _or(draft["memory_bytes"], default["memory_bytes"]),
        "storage_bytes": _or(draft["storage_bytes"], default["storage_bytes"]),
        "output_bytes": _or(draft["output_bytes"], default["output_bytes"]),
        "processes": _or(draft["processes"], default["processes"]),
        "timeout_seconds": _or(draft["timeout_seconds"], default["timeout_seconds"]),
        "network": _or(draft["network"], default["network"]),
    }


def stage_of(draft: "StageDraft") -> "Stage":
    """The stage that a draft stands for. A quorum that is left out is a majority."""
    name, fetch, replicas = draft["name"], draft["fetch"], _or(draft["replicas"], DEFAULT_REPLICAS)
    counts_causes = fetch is not None or draft["retry_causes"] is not None
    keep = draft["keep"]
    if keep is None and fetch is not None:
        keep = {"Executors": None}
    return {
        "name": name,
        "runtime": _or(draft["runtime"], DEFAULT_RUNTIME),
        "commands": _or(draft["commands"], []),
        "depends_on": _or(draft["depends_on"], []),
        "environment": _or(draft["environment"], []),
        "resources": _resources(
            draft["resources"], STAGE_RESOURCES if fetch is None else FETCH_RESOURCES
        ),
        "artifacts": _or(draft["artifacts"], [] if fetch is None else [f"{name}.manifest"]),
        "replicas": replicas,
        "quorum": _or(draft["quorum"], replicas // 2 + 1),
        "retries": _or(draft["retries"], 0 if counts_causes else DEFAULT_RETRIES),
        "needs": draft["needs"],
        "grace_seconds": draft["grace_seconds"],
        "fetch": fetch,
        "keep": keep,
        "secrets": draft["secrets"],
        "reports": draft["reports"],
        "cache": draft["cache"],
        "group": draft["group"],
        "parallel": draft["parallel"],
        "retry_causes": draft["retry_causes"],
    }


def stages_of(drafts: "list[StageDraft]") -> "list[Stage]":
    """The stages that drafts stand for."""
    return [stage_of(draft) for draft in drafts]


def policy_of(draft: "ApprovalPolicyDraft | None", before: "ApprovalPolicy") -> "ApprovalPolicy":
    """An approval policy: what the draft leaves out is as `before`."""
    if draft is None:
        return before
    return {
        "approvers": _or(draft["approvers"], before["approvers"]),
        "threshold": _or(draft["threshold"], before["threshold"]),
        "ttl_seconds": _or(draft["ttl_seconds"], before["ttl_seconds"]),
    }


def _deploy(draft: "DeployDraft") -> "Deploy":
    return {
        "target": draft["target"],
        "stage": draft["stage"],
        "artifact": draft["artifact"],
        "mode": _or(draft["mode"], DEFAULT_MODE),
        "memory": _or(draft["memory"], DEFAULT_MEMORY),
        "install_arg": _or(draft["install_arg"], NO_ARGUMENTS),
        "upgrade_arg": _or(draft["upgrade_arg"], NO_ARGUMENTS),
        "depends_on": draft["depends_on"],
        "install_references": draft["install_references"],
        "upgrade_references": draft["upgrade_references"],
        "assets": draft["assets"],
    }


def pipeline_of(draft: "PipelineInputDraft") -> "PipelineInput":
    """The pipeline that a draft stands for."""
    repository, deploy, deploys = draft["repository"], draft["deploy"], draft["deploys"]
    return {
        "name": _or(draft["name"], repository),
        "repository": repository,
        "triggers": _or(draft["triggers"], [{"Manual": None}]),
        "environment": _or(draft["environment"], []),
        "stages": stages_of(draft["stages"]),
        "gates": _or(draft["gates"], []),
        "approval": policy_of(draft["approval"], NOBODY),
        "deploy": None if deploy is None else _deploy(deploy),
        "queue_seconds": draft["queue_seconds"],
        "deploys": None if deploys is None else [_deploy(each) for each in deploys],
        "priority": draft["priority"],
        "template": draft["template"],
    }
