"""`dcanary pipeline add-stage`, `remove-stage`, `diff`: a pipeline that is put together first.

The draft is a file in the form of `dcanary.yml`; `dcanary deploy-pipeline` sends it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dcanary.cli.context import Context, pass_context

if TYPE_CHECKING:
    from dcanary.cli.output import Output

DRAFT = "dcanary.draft.yml"
F = TypeVar("F", bound=Callable[..., Any])

draft_option = click.option(
    "--draft",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DRAFT,
    show_default=True,
    help="The file of the draft.",
)
repository_option = click.option(
    "--repository",
    help="The registered repository (default: the one of the pipeline's name, or the only one).",
)


def _several(*names: str, help: str, metavar: str | None = None) -> Callable[[F], F]:
    return click.option(*names, multiple=True, help=help, metavar=metavar)


@click.command("add-stage")
@click.argument("name")
@click.option("--runtime", help="Tool chain: shell, python, motoko, node, rust or azle.")
@click.option("--image", help="A standard image, a lock file, or a lock's digest.")
@_several("--commands", "--command", "commands", help="A command; again for the next one.")
@_several("--depends-on", "depends_on", metavar="STAGE", help="Only after this one.")
@click.option("--memory", metavar="SIZE", help="Of all processes together, such as 2GB.")
@click.option("--memory-pages", metavar="NUMBER", help="The same, in pages of 64KiB.")
@click.option("--storage", metavar="SIZE", help="Files together, such as 1GiB.")
@click.option("--output", metavar="SIZE", help="What commands may print, such as 1MiB.")
@click.option("--processes", metavar="NUMBER", help="Processes and threads at one time.")
@click.option("--timeout", metavar="TIME", help="Of one attempt, such as 10m.")
@click.option("--cycles", metavar="NUMBER", help="At most so many; a stage spends none.")
@click.option("--instructions", metavar="NUMBER", help="Refused: they cannot be counted.")
@click.option("--network-calls", metavar="NUMBER", help="At most so many; without network: none.")
@click.option("--network", is_flag=True, help="Ask for the network.")
@_several("--artifact", "artifacts", metavar="PATH", help="A file, folder/ or pattern to keep.")
@_several("--env", "environment", metavar="NAME=VALUE", help="A variable of the stage.")
@_several("--secret", "secrets", metavar="NAME", help="A secret that the stage finds as variable.")
@_several("--label", "labels", metavar="LABEL", help="What the executor must offer.")
@click.option("--replicas", metavar="NUMBER", help="How many operators build it (default: 3).")
@click.option("--quorum", metavar="NUMBER", help="How many must agree (default: 2).")
@click.option("--retries", metavar="NUMBER", help="Tries after a command failed (default: 1).")
@_several("--lock", "locks", metavar="PATH", help="Of a fetch stage: a lock file; no runtime.")
@click.option("--replace", is_flag=True, help="Put it in the place of the stage of that name.")
@click.option("--pipeline", metavar="NAME", help="Name of a new draft (default: the folder's).")
@draft_option
@pass_context
def add_stage(
    context: Context,
    /,
    name: str,
    environment: Sequence[str],
    labels: Sequence[str],
    replace: bool,
    pipeline: str | None,
    draft: Path,
    **given: Any,
) -> None:
    """Add the stage NAME to the draft of a pipeline.

    The draft begins with the dcanary.yml beside it, where there is one. Nothing is sent before
    dcanary deploy-pipeline. Until then: dcanary pipeline diff, dcanary run local dcanary.draft.yml.
    """
    from dcanary.cli.operations.drafts import draft as drafts

    is_new = not draft.exists()
    values = drafts.begun(draft, pipeline)
    before = len(values["stages"])
    variables = _pairs(environment)
    stage = _stage(given, variables, list(labels))
    drafts.add_stage(values, draft, name, stage, replace)
    drafts.save(draft, values, name)
    if is_new and before:
        stages = "the stage" if before == 1 else f"the {before} stages"
        context.output.progress(f"the draft begins with {stages} of dcanary.yml")
    _say(context.output, draft, values, f"stage {name} is in {draft}")


@click.command("remove-stage")
@click.argument("name")
@draft_option
@pass_context
def remove_stage(context: Context, name: str, draft: Path) -> None:
    """Take the stage NAME out of the draft of a pipeline."""
    from dcanary.cli.operations.drafts import draft as drafts

    values = drafts.begun(draft, None)
    drafts.remove_stage(values, draft, name)
    drafts.save(draft, values)
    _say(context.output, draft, values, f"stage {name} is no more in {draft}")


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.BadParameter(f"{setting!a}: write NAME=VALUE", param_hint="--env")
        found[name] = value
    return found


_RESOURCES = (
    "memory",
    "memory_pages",
    "storage",
    "output",
    "processes",
    "timeout",
    "cycles",
    "instructions",
    "network_calls",
)
_VOTES = ("replicas", "quorum", "retries")


def _stage(given: dict[str, Any], environment: dict[str, str], labels: list[str]) -> dict[str, Any]:
    """A stage as a pipeline file has it, with what was given and nothing else."""
    resources = {key: _value(given[key]) for key in _RESOURCES if given[key] is not None}
    if given["network"]:
        resources["network"] = True
    stage = {
        "kind": "fetch" if given["locks"] else None,
        "runtime": given["runtime"],
        "image": given["image"],
        "commands": list(given["commands"]),
        "depends_on": list(given["depends_on"]),
        "environment": environment,
        "resources": resources,
        "artifacts": list(given["artifacts"]),
        "secrets": list(given["secrets"]),
        "locks": list(given["locks"]),
        "needs": {"labels": labels} if labels else None,
        **{key: _value(given[key]) for key in _VOTES},
    }
    return {key: value for key, value in stage.items() if value not in (None, [], {})}


def _value(text: str | None) -> str | int | None:
    """What YAML would make of it: digits alone are a number."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 30 else text


def _say(output: Output, draft: Path, values: dict[str, Any], done: str) -> None:
    stages = values["stages"]
    names = list(stages) if isinstance(stages, dict) else [one["name"] for one in stages]
    if output.as_json or output.quiet:
        output.record({"draft": str(draft), "stages": names}, "draft")
        return
    output.say(f"{done}: {', '.join(names)}")


@click.command()
@click.argument("repository", required=False)
@draft_option
@pass_context
def diff(context: Context, repository: str | None, draft: Path) -> None:
    """The draft against the version in force of a repository, line by line.

    Both are shown as a dcanary.yml that leaves out what is so by default. Without REPOSITORY the
    one of the pipeline's name is meant, or the only one.
    """
    from dcanary.cli.operations import pipeline as pipelines
    from dcanary.cli.operations.drafts import changes, sending
    from dcanary.cli.operations.drafts import draft as drafts

    drafts.require_draft(draft)
    installation = pipelines.installation_of(context.system)
    read = pipelines.read(draft, installation)
    chosen = repository or sending.repository_of(context.system, read.name)
    found = sending.in_force(context.system, chosen)
    after = sending.definition(draft, read, chosen, found, installation)
    before = found and found["definition"]
    version = found["version"] if found else None
    old = "nothing in force" if found is None else f"version {version} of {chosen}"
    lines = changes.line_diff(before, after, old, str(draft))
    if context.output.as_json:
        listed = changes.changes(before, after) if before else []
        context.output.json(
            {"repository": chosen, "version": version, "changes": listed, "lines": lines}
        )
    elif lines:
        context.output.text("\n".join(lines))
    else:
        context.output.say(f"no difference: {draft} is version {version} of {chosen}")
