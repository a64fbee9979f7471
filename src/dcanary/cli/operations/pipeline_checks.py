"""What a pipeline needs of this installation: found when it is registered, not after a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.cli.operations.register import uncontrolled
from dcanary.cli.operations.watch import state_of
from dcanary.client.errors import RefusedError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Run
    from dcanary.client.types.pipeline_config import Deploy, PipelineInput


def repository_problem(system: System, name: str) -> str | None:
    """Why nothing of a repository will be built, and what to do; None when it is registered."""
    try:
        system.webhook.get_repository(name)
    except RefusedError as error:
        if error.kind != "NotFound":
            raise
        return (
            f"the repository {name} is not registered, so no push of it is built: "
            f"dcanary repository add {name} --clone-url URL"
        )
    return None


def deploys_of(definition: PipelineInput) -> list[Deploy]:
    """What a pipeline deploys, in the order of its author."""
    several, one = definition["deploys"], definition["deploy"]
    return list(several) if several is not None else [] if one is None else [one]


def target_problems(system: System, definition: PipelineInput) -> list[str]:
    """Why targets cannot be released to, and what to do: a sentence for each that cannot."""
    found = [
        _target_problem(system, deploy["target"], definition["repository"])
        for deploy in deploys_of(definition)
    ]
    return [one for one in found if one is not None]


def _target_problem(system: System, name: str, repository: str) -> str | None:
    try:
        target = system.deployment.get_target(name)
    except RefusedError as error:
        if error.kind != "NotFound":
            raise
        return (
            f"the target {name} is not registered, so nothing can be deployed: "
            f"dcanary target add {name} --repository {repository}"
        )
    if target["repository"] != repository:
        return (
            f"the target {name} belongs to the repository {target['repository']}: "
            f"releases of {repository} will be refused"
        )
    here = system.deployment.network()
    if target["network"] != here:
        return (
            f"the target {name} is on the network {target['network']}, this installation on "
            f"{here}: releases to it will be refused"
        )
    if target["canister"] is None:
        return None
    problem = uncontrolled(system, target["canister"])
    return None if problem is None else f"the target {name}: {problem}"


def problems_of_run(system: System, found: Run) -> list[str]:
    """Why what a run builds could not be released, while that can still be mended.

    A pipeline may be there before its target: then the run is told of it from its beginning.
    """
    if state_of(found) not in ("Queued", "Running"):
        return []
    pull = found["pull_request"]
    if pull is not None and not pull["deploys"]:
        return []
    repository, version = found["source"]["repository"], found["pipeline_version"]
    try:
        pipeline = system.pipeline_config.get_pipeline_version(repository, version)
    except RefusedError as error:
        if error.kind != "NotFound":
            raise
        return []
    return target_problems(system, pipeline["definition"])


def problems(system: System, definition: PipelineInput) -> list[str]:
    """Everything that would keep runs of this pipeline from their end, a sentence each."""
    found = [
        f"stage {one['stage']}: {one['problem']}"
        for one in system.build_executor.check_stages(definition["stages"])
        if one["problem"] is not None
    ]
    repository = repository_problem(system, definition["repository"])
    if repository is not None:
        found.append(repository)
    return [*found, *target_problems(system, definition)]
