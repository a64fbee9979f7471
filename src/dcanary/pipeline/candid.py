"""A pipeline file as the `PipelineInput` record of `pipeline_config`.

Values are plain Candid values: a variant is a mapping of one case, an absent opt None, a principal
its text, a blob bytes. Fields and cases are those of
`shared/types/pipeline.py`.
"""

from collections.abc import Sequence
from typing import Any

from dcanary.pipeline import references, triggers
from dcanary.pipeline.images import LockedImage
from dcanary.pipeline.limits import (
    MAX_APPROVERS,
    MAX_NAME_CHARS,
    MAX_TIMEOUT_SECONDS,
    MIN_MEMORY_BYTES,
    MIN_OUTPUT_BYTES,
    MIN_PROCESSES,
    MIN_STORAGE_BYTES,
)
from dcanary.pipeline.model import (
    Deploy,
    FetchStage,
    Needs,
    PipelineFile,
    Reports,
    Resources,
    Stage,
)
from dcanary.pipeline.names import check_principal

# Of the executor's own work: no process of a stage runs, and packages lie outside of its storage.
FETCH_RESOURCES = {
    "memory_bytes": MIN_MEMORY_BYTES,
    "storage_bytes": MIN_STORAGE_BYTES,
    "output_bytes": MIN_OUTPUT_BYTES,
    "processes": MIN_PROCESSES,
    "timeout_seconds": MAX_TIMEOUT_SECONDS,
    "network": False,
}


def to_candid(
    pipeline: PipelineFile, repository: str, approvers: Sequence[str] = ()
) -> dict[str, Any]:
    """The record to register. `approvers` are added to those of the file, each counted once.

    Raises ValueError when an approver is no principal or the threshold cannot be reached.
    """
    if not repository or len(repository) > MAX_NAME_CHARS:
        raise ValueError(f"the repository's name must have 1 to {MAX_NAME_CHARS} characters")
    everyone = list(dict.fromkeys([*pipeline.approval.approvers, *approvers]))
    for approver in everyone:
        try:
            check_principal(approver)
        except ValueError as error:
            raise ValueError(f"approver {approver}: {error}") from error
    if len(everyone) > MAX_APPROVERS:
        raise ValueError(f"there are {len(everyone)} approvers: at most {MAX_APPROVERS}")
    if (everyone or pipeline.deploy) and pipeline.approval.threshold > len(everyone):
        raise ValueError(
            f"approval.threshold is {pipeline.approval.threshold} and there are {len(everyone)} "
            "approvers: name more with --approver PRINCIPAL (dcanary identity show prints your "
            "own) or in approval.approvers of the file"
            + (", or lower the threshold" if everyone else "")
        )
    deploys = [_deploy(deploy) for deploy in pipeline.deploy]
    is_single = len(deploys) == 1
    return {
        "name": pipeline.name,
        "repository": repository,
        "triggers": triggers.to_candid(pipeline.on),
        "environment": to_variables(pipeline.environment),
        "stages": to_stages(pipeline),
        "gates": [{"MaxArtifactBytes": gate.max_artifact_size} for gate in pipeline.gates],
        "approval": {
            "approvers": everyone,
            "threshold": pipeline.approval.threshold,
            "ttl_seconds": pipeline.approval.expires,
        },
        "deploy": deploys[0] if is_single else None,
        "queue_seconds": pipeline.queue,
        "deploys": None if is_single or not deploys else deploys,
        "priority": pipeline.priority,
        "template": _template(pipeline.template),
    }


def _template(label: str | None) -> dict[str, Any] | None:
    """The template `name@version` that the file says it was made from."""
    if label is None:
        return None
    name, _, version = label.rpartition("@")
    return {"name": name, "version": int(version), "values": None}


def to_variables(environment: dict[str, str]) -> list[dict[str, str]]:
    """Environment variables as Candid records."""
    return [{"name": name, "value": value} for name, value in environment.items()]


def to_stages(pipeline: PipelineFile) -> list[dict[str, Any]]:
    """The stages as Candid records, in the order of the file."""
    return [
        _fetch_stage(name, stage) if isinstance(stage, FetchStage) else _stage(name, stage)
        for name, stage in pipeline.stages.items()
    ]


def _fetch_stage(name: str, stage: FetchStage) -> dict[str, Any]:
    return {
        "name": name,
        "runtime": {"Shell": None},
        "commands": [],
        "depends_on": [],
        "environment": [],
        "resources": dict(FETCH_RESOURCES),
        "artifacts": [f"{name}.manifest"],
        "replicas": stage.replicas,
        "quorum": stage.quorum,
        "retries": 0,
        "needs": _needs(stage.needs, None) if stage.needs else None,
        "grace_seconds": stage.grace,
        "fetch": {"locks": list(stage.locks), "hosts": list(stage.hosts)},
        "keep": {"Executors": None},
        "secrets": None,
        "reports": None,
        "cache": None,
        "group": stage.matrix,
        "parallel": stage.parallel,
        "retry_causes": None,
    }


def _stage(name: str, stage: Stage) -> dict[str, Any]:
    return {
        "name": name,
        "runtime": {stage.runtime.capitalize(): None},
        "commands": list(stage.commands),
        "depends_on": list(stage.depends_on),
        "environment": to_variables(stage.environment),
        "resources": _resources(stage.resources),
        "artifacts": list(stage.artifacts),
        "replicas": stage.replicas,
        "quorum": stage.quorum,
        "retries": stage.retries if isinstance(stage.retries, int) else 0,
        "needs": _needs(stage.needs, stage.image) if stage.needs or stage.image else None,
        "grace_seconds": stage.grace,
        "fetch": None,
        "keep": {"Executors": None} if stage.keep == "executors" else None,
        "secrets": list(stage.secrets) or None,
        "reports": _reports(stage.reports) if stage.reports else None,
        "cache": {"inputs": list(stage.cache.inputs)} if stage.cache else None,
        "group": stage.matrix,
        "parallel": stage.parallel,
        "retry_causes": _retry_causes(stage.retries),
    }


def _retry_causes(retries: int | dict[str, int]) -> list[dict[str, Any]] | None:
    if isinstance(retries, int):
        return None
    return [{"cause": cause, "times": times} for cause, times in retries.items()]


def _needs(given: Needs | None, image: str | None) -> dict[str, Any]:
    needs = given or Needs()
    return {
        "cpus": needs.cpus,
        "image": image,
        "region": needs.region,
        "labels": list(needs.labels),
        "image_lock": image.lock if isinstance(image, LockedImage) else None,
    }


def _reports(reports: Reports) -> dict[str, Any]:
    return {"tests": reports.tests, "flaky": {reports.flaky.capitalize(): None}}


def _resources(resources: Resources) -> dict[str, Any]:
    return {
        "memory_bytes": resources.memory,
        "storage_bytes": resources.storage,
        "output_bytes": resources.output,
        "processes": resources.processes,
        "timeout_seconds": resources.timeout,
        "network": resources.network,
    }


def _deploy(deploy: Deploy) -> dict[str, Any]:
    return {
        "target": deploy.target,
        "stage": deploy.stage,
        "artifact": deploy.artifact,
        "mode": {deploy.mode.capitalize(): None},
        "memory": {deploy.memory.capitalize(): None},
        "install_arg": deploy.install_arg.encoded,
        "upgrade_arg": deploy.upgrade_arg.encoded,
        "depends_on": list(deploy.depends_on) or None,
        "install_references": references.to_candid(deploy.install_arg),
        "upgrade_references": references.to_candid(deploy.upgrade_arg),
        "assets": deploy.assets,
    }
