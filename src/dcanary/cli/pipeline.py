"""`dcanary pipeline`: what a repository builds, when, and where the result goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.display import quoted_if_needed
from dcanary.cli.operations.pipeline_checks import deploys_of
from dcanary.cli.output import Lines
from dcanary.cli.paging import page, paged, rows_of, show
from dcanary.cli.parameters import PRINCIPAL, VERSION
from dcanary.cli.pipeline_create import create
from dcanary.cli.pipeline_draft import add_stage, diff, remove_stage
from dcanary.cli.pipeline_schedules import schedules
from dcanary.cli.pipeline_versions import edit, export, history, revert
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.client.types.pipeline_config import Pipeline, PipelineInput, Stage


@click.group()
def pipeline() -> None:
    """Check, register, change and read pipelines."""


for command in (create, add_stage, remove_stage, diff, history, revert, export, edit, schedules):
    pipeline.add_command(command)

_file = click.argument("file", type=click.Path(path_type=Path), default="dcanary.yml")
_repository = click.option("--repository", required=True, help="The registered repository.")
_approvers = click.option(
    "--approver",
    "approvers",
    type=PRINCIPAL,
    multiple=True,
    help="Principal that may approve; added to the file's.",
)


def summary(found: Pipeline) -> dict[str, object]:
    definition = found["definition"]
    deploys = [
        f"{quoted_if_needed(one['artifact'])} to {one['target']}" for one in deploys_of(definition)
    ]
    return {
        "repository": definition["repository"],
        "version": found["version"],
        "name": definition["name"],
        "triggers": definition["triggers"],
        "stages": [
            f"{s['name']} ({kind_of(s)} {s['quorum']} of {s['replicas']})"
            for s in definition["stages"]
        ],
        "gates": definition["gates"],
        "approvers": definition["approval"]["approvers"],
        "threshold": definition["approval"]["threshold"],
        "deploys": deploys or "nothing",
        "template": label_of(definition),
        "created": moment(found["created_ns"]),
    }


def kind_of(stage: Stage) -> str:
    """What a stage runs: its runtime, or `fetch` for one that has no commands."""
    return next(iter(stage["runtime"])).lower() if stage["fetch"] is None else "fetch"


def label_of(definition: PipelineInput) -> str | None:
    """The template that a pipeline was made from."""
    use = definition["template"]
    return None if use is None else f"{use['name']}@{use['version']}"


def details(found: Pipeline) -> dict[str, object]:
    """A pipeline with what its template was given and what its stages execute."""
    definition = found["definition"]
    use = definition["template"]
    shown = summary(found)
    created = shown.pop("created")
    if use is not None:
        values = use["values"]
        shown["values"] = (
            "not kept"
            if values is None
            else Lines(f"{one['name']}: {', '.join(one['values'])}" for one in values)
        )
    shown["commands"] = Lines(
        f"{stage['name']}: {command}"
        for stage in definition["stages"]
        for command in stage["commands"]
    )
    return {**shown, "created": created}


def print_pipeline(context: Context, found: Pipeline) -> None:
    """A pipeline for people or programs."""
    if context.output.quiet:
        context.output.text(str(found["version"]))
    else:
        context.output.record(found if context.output.as_json else summary(found), "version")


def warn(context: Context, definition: PipelineInput) -> None:
    """Warn of what would keep runs of this pipeline from their end."""
    from dcanary.cli.operations.pipeline_checks import problems

    for problem in problems(context.system, definition):
        context.output.warning(problem)


@pipeline.command()
@_file
@pass_context
def validate(context: Context, file: Path) -> None:
    """Check FILE (or the dcanary.yml of a folder) without registering it."""
    from dcanary.cli.operations import pipeline as operations

    found = operations.read(file)
    path = str(operations.file_of(file))
    context.output.record({"file": path, "name": found.name, "valid": True}, "name")
    missing = operations.missing_approvers(found)
    if missing:
        context.output.warning(
            f"it deploys, and needs {missing} more approver{'s' if missing > 1 else ''} than it "
            "names: give --approver PRINCIPAL to pipeline register"
        )


@pipeline.command()
@pass_context
def schema(context: Context) -> None:
    """The JSON Schema of dcanary.yml, for editors."""
    from dcanary.pipeline import json_schema

    context.output.json(json_schema())


@pipeline.command()
@_file
@_repository
@_approvers
@pass_context
def register(context: Context, file: Path, repository: str, approvers: tuple[str, ...]) -> None:
    """Register FILE as the pipeline of a repository."""
    from dcanary.cli.operations import pipeline as operations

    installation = operations.installation_of(context.system)
    definition = operations.definition(file, repository, approvers, installation)
    operations.require_secrets(context.system, file, definition)
    print_pipeline(context, context.system.pipeline_config.register_pipeline(definition))
    warn(context, definition)


@pipeline.command()
@_file
@_repository
@_approvers
@pass_context
def update(context: Context, file: Path, repository: str, approvers: tuple[str, ...]) -> None:
    """Make FILE the next version of a repository's pipeline. Runs under way keep theirs."""
    from dcanary.cli.operations import pipeline as operations

    installation = operations.installation_of(context.system)
    definition = operations.definition(file, repository, approvers, installation)
    operations.require_secrets(context.system, file, definition)
    print_pipeline(context, context.system.pipeline_config.update_pipeline(definition))
    warn(context, definition)


@pipeline.command("show")
@click.argument("repository")
@click.option("--version", type=VERSION, help="An earlier version (default: the current one).")
@pass_context
def show_pipeline(context: Context, repository: str, version: int | None) -> None:
    """A repository's pipeline."""
    actor = context.system.pipeline_config
    if version is None:
        found = actor.get_pipeline_config(repository)
    else:
        found = actor.get_pipeline_version(repository, version)
    if context.output.as_json or context.output.quiet:
        print_pipeline(context, found)
    else:
        context.output.record(details(found), "version")


@pipeline.command("list")
@paged
@pass_context
def list_pipelines(context: Context, limit: int, cursor: str | None) -> None:
    """Registered pipelines."""
    answer = context.system.pipeline_config.list_pipelines(page(limit, cursor))
    rows = rows_of(context, answer["items"], summary)
    columns = ["repository:id", "version:id", "name:text:2", "stages:text:3", "deploys:text:1"]
    show(context, answer["next"], rows, columns, "no pipelines: dcanary pipeline register")


@pipeline.command()
@click.argument("repository")
@paged
@pass_context
def versions(context: Context, repository: str, limit: int, cursor: str | None) -> None:
    """All versions of a repository's pipeline, newest first."""
    answer = context.system.pipeline_config.list_pipeline_versions(repository, page(limit, cursor))
    rows = rows_of(context, answer["items"], summary)
    show(
        context,
        answer["next"],
        rows,
        ["version:id", "created:id:1", "stages:text:2", "deploys:text:3"],
        "no versions",
    )


@pipeline.command()
@click.argument("repository")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def delete(context: Context, repository: str, yes: bool) -> None:
    """Delete a repository's pipeline; its runs stay on record."""
    if not yes:
        context.output.confirm("Delete this pipeline? Pushes will be refused.")
    context.system.pipeline_config.delete_pipeline(repository)
    context.output.say(f"the pipeline of {repository} is deleted")
