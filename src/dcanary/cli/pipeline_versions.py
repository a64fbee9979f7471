"""`dcanary pipeline history`, `revert`, `export`, `edit`: versions of a pipeline."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.paging import page, paged, show
from dcanary.cli.parameters import VERSION
from dcanary.cli.pipeline_draft import draft_option
from dcanary.cli.times import moment


@click.command()
@click.argument("repository")
@paged
@pass_context
def history(context: Context, repository: str, limit: int, cursor: str | None) -> None:
    """What each version of a repository's pipeline changed, and who made it; newest first."""
    from dcanary.cli.operations.drafts.changes import changes

    answer = context.system.pipeline_config.pipeline_history(repository, page(limit, cursor))
    found = answer["items"]
    before = list(found[1:])
    if answer["next"]:
        rest = page(1, answer["next"])
        before += context.system.pipeline_config.pipeline_history(repository, rest)["items"]
    rows = [
        {
            "version": one["version"],
            "created": moment(one["created_ns"]),
            "author": one["author"],
            "changes": changes(before[index]["definition"], one["definition"])
            if index < len(before)
            else ["first version"],
        }
        for index, one in enumerate(found)
    ]
    columns = ["version:id", "created:id:1", "changes:text:2", "author:principal:3"]
    show(context, answer["next"], rows, columns, "no versions")


@click.command()
@click.argument("repository")
@click.option("--to", "version", type=VERSION, required=True, help="The version to return to.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def revert(context: Context, repository: str, version: int, yes: bool) -> None:
    """Make an earlier version of a pipeline the newest one, also who may approve.

    It becomes a version of its own: nothing of the history is lost. Runs under way keep theirs.
    """
    from dcanary.cli.errors import UsageTrouble
    from dcanary.cli.operations.drafts import sending
    from dcanary.cli.operations.drafts.changes import changes
    from dcanary.cli.pipeline import print_pipeline, warn

    system, output = context.system, context.output
    definition = system.pipeline_config.get_pipeline_version(repository, version)["definition"]
    before = sending.in_force(system, repository)
    told = [] if before is None else changes(before["definition"], definition)
    if before is not None and not told:
        raise UsageTrouble(
            f"version {version} of {repository} says what version {before['version']} says, which "
            "is in force"
        )
    for one in told:
        output.progress(one)
    if not yes:
        output.confirm(f"Make version {version} of {repository} the newest one?")
    made = sending.send(system, before, definition)
    assert made is not None
    print_pipeline(context, made)
    warn(context, definition)


@click.command()
@click.argument("repository")
@click.option("--version", type=VERSION, help="An earlier version (default: the current one).")
@pass_context
def export(context: Context, repository: str, version: int | None) -> None:
    """A repository's pipeline as a dcanary.yml, on standard output.

    What is so by default is left out. Lock files of images are looked for in this folder. A warning
    names what would not be the same when the file is registered, such as the groups of a matrix.
    """
    from dcanary.cli.operations.drafts import export as operations

    actor = context.system.pipeline_config
    if version is None:
        found = actor.get_pipeline_config(repository)
    else:
        found = actor.get_pipeline_version(repository, version)
    here = Path.cwd()
    text = operations.text_of(found["definition"], here)
    lost = operations.lost(found["definition"], text, here)
    if context.output.as_json:
        context.output.json(
            {"repository": repository, "version": found["version"], "text": text, "lost": lost}
        )
        return
    context.output.text(text.rstrip("\n"))
    _warn_of(context, lost)


def _warn_of(context: Context, lost: list[str]) -> None:
    if lost:
        context.output.warning(f"not the same when the file is registered: {', '.join(lost)}")


@click.command()
@click.argument("repository")
@draft_option
@click.option("--force", is_flag=True, help="Replace a draft that is there.")
@pass_context
def edit(context: Context, repository: str, draft: Path, force: bool) -> None:
    """Bring the version in force into the draft, and open it in $EDITOR on a terminal.

    Then: dcanary pipeline diff, and dcanary deploy-pipeline.
    """
    from dcanary.cli.errors import UsageTrouble
    from dcanary.cli.operations import pipeline as pipelines
    from dcanary.cli.operations.drafts import draft as drafts
    from dcanary.cli.operations.drafts import export as operations

    output = context.output
    if draft.exists() and not force:
        raise UsageTrouble(f"{draft} is there already: it is kept", "use --force to replace it")
    found = context.system.pipeline_config.get_pipeline_config(repository)
    values = operations.values_of(found["definition"], draft.parent)
    drafts.save(draft, values)
    _warn_of(context, operations.lost(found["definition"], draft.read_text("utf-8"), draft.parent))
    if sys.stdin.isatty() and sys.stdout.isatty() and not output.as_json:
        click.edit(filename=str(draft))
        pipelines.read(draft)
    output.record(
        {"draft": str(draft), "repository": repository, "version": found["version"]}, "draft"
    )
    output.say(f"send it: dcanary deploy-pipeline --repository {repository}")
