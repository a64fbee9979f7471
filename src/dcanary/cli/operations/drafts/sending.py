"""Which repository a draft is for, and what is in force there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations import pipeline as pipelines
from dcanary.cli.operations.drafts.changes import changes
from dcanary.client.errors import RefusedError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.pipeline_config import Pipeline, PipelineInput
    from dcanary.pipeline import Installation, PipelineFile

_SHOWN = 10


def repository_of(system: System, pipeline: str) -> str:
    """The registered repository that a pipeline is for when none is named: the one of its name, or
    the only one there is. Raises UsageTrouble when that is none, or cannot be said."""
    answer = system.webhook.list_repositories({"cursor": None, "limit": _SHOWN})
    names = [one["repository"] for one in answer["items"]]
    if len(names) == 1 and answer["next"] is None:
        return names[0]
    if pipeline in names or _is_registered(system, pipeline):
        return pipeline
    if not names:
        raise UsageTrouble(
            "no repository is registered", "dcanary repository add NAME --clone-url URL"
        )
    more = " and others" if answer["next"] else ""
    raise UsageTrouble(
        f"no repository is named {pipeline}, as the draft is: there are {', '.join(names)}{more}",
        "name one with --repository",
    )


def _is_registered(system: System, name: str) -> bool:
    try:
        system.webhook.get_repository(name)
    except RefusedError as error:
        if error.kind not in ("NotFound", "Invalid"):
            raise
        return False
    return True


def in_force(system: System, repository: str) -> Pipeline | None:
    """The pipeline of a repository; None when it has none."""
    try:
        return system.pipeline_config.get_pipeline_config(repository)
    except RefusedError as error:
        if error.kind != "NotFound":
            raise
        return None


def definition(
    draft: Path,
    read: PipelineFile,
    repository: str,
    before: Pipeline | None,
    installation: Installation,
    approvers: Sequence[str] = (),
) -> PipelineInput:
    """The record of a draft, which was read already. Who may approve, and how many must, stays as
    in force when the draft says nothing of it. Raises UsageTrouble when it is not right."""
    if before is None or "approval" in read.model_fields_set:
        return pipelines.definition(draft, repository, approvers, installation)
    policy = before["definition"]["approval"]
    made = pipelines.definition(draft, repository, [*policy["approvers"], *approvers], installation)
    made["approval"] = {**policy, "approvers": made["approval"]["approvers"]}
    return made


def send(system: System, before: Pipeline | None, definition: PipelineInput) -> Pipeline | None:
    """Register a pipeline as one version; None when it is what is in force anyway."""
    if before is None:
        return system.pipeline_config.register_pipeline(definition)
    if not changes(before["definition"], definition):
        return None
    return system.pipeline_config.update_pipeline(definition)
