"""`dcanary init`: a `dcanary.yml` from what a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context

if TYPE_CHECKING:
    from dcanary.cli.output import Output
    from dcanary.project.facts import Project

WIDTH = 80


@click.command()
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default="."
)
@click.option(
    "--template",
    "name",
    metavar="NAME[@VERSION]",
    help="Use this template of the installation, or, without one, of those that come with DCanary.",
)
@click.option("--local", is_flag=True, help="Take the template from those that come with DCanary.")
@click.option(
    "--canister",
    "canisters",
    multiple=True,
    help="The canister to build, where there are several. Without it all that can be are.",
)
@click.option(
    "--param",
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the template; again for each entry of a list.",
)
@click.option("--stdout", is_flag=True, help="Print the file, write none.")
@click.option("--force", is_flag=True, help="Replace a dcanary.yml that is there.")
@pass_context
def init(
    context: Context,
    folder: Path,
    name: str | None,
    local: bool,
    canisters: tuple[str, ...],
    settings: tuple[str, ...],
    stdout: bool,
    force: bool,
) -> None:
    """Look at FOLDER (default: this one) and write a dcanary.yml for it.

    It says what it found, with file and line, and what it left open. Nothing in FOLDER is run.
    """
    from dcanary.cli.errors import UsageTrouble
    from dcanary.cli.operations import init as operations
    from dcanary.cli.operations.templates import loader
    from dcanary.project import report, write

    if len(canisters) > 1:
        raise click.UsageError(
            "--canister chooses one: leave it out to have all that can be built, and delete the "
            "stages and targets that are not wanted"
        )
    canister = canisters[0] if canisters else None
    output = context.output
    project = operations.look(folder)
    if not output.as_json:
        _show(output, project, aside=stdout)
    load = loader(context, local or name is None)
    try:
        found = operations.draft(folder, project, name, canister, settings, load)
    except UsageTrouble as trouble:
        if output.as_json:
            raise
        raise UsageTrouble(_folded_error(str(trouble))) from None
    path = None if stdout else operations.save(folder, found.text, force=force)
    if output.as_json:
        output.json(
            {
                "file": str(path) if path else None,
                "template": found.fit.template,
                "values": found.fit.values,
                "open": write.open_lines(found.fit.open),
                "built": found.fit.builds,
                "not_built": {one: str(why) for one, why in found.not_built},
                "facts": report.values(project),
                "text": found.text,
            }
        )
    elif path is None:
        output.piece(found.text)
        if found.summary:
            _line(output, found.summary, aside=True)
    elif output.quiet:
        output.text(str(path))
    else:
        for one in write.open_lines(found.fit.open):
            _line(output, f"open  {one}", aside=False)
        output.say(f"wrote {path} from {write.source(found.fit.template, found.fit)}")
        if found.summary:
            _line(output, found.summary, aside=False)
        output.say("next: commit it, try it with dcanary run local, then dcanary repository add")


def _show(output: Output, project: Project, *, aside: bool) -> None:
    """Say what was found; `aside` keeps it out of standard output."""
    from dcanary.project import report

    for one in report.lines(project):
        _line(output, f"found {one}", aside=aside)
    for note in project.notes:
        _line(output, f"note  {note}", aside=aside)


def _line(output: Output, text: str, *, aside: bool) -> None:
    """A fact in lines of 80 cells, whatever the terminal is: people send them to each other."""
    from dcanary.cli.display import harmless
    from dcanary.cli.folding import folded

    lines = folded(text[:6], harmless(text[6:]), WIDTH)
    tell = output.progress if aside else output.say
    for line in lines.split("\n"):
        tell(line)


def _folded_error(text: str) -> str:
    """A failure in lines of 80 cells, as facts are; its first line begins behind `error: `."""
    from dcanary.cli.display import harmless_lines
    from dcanary.cli.folding import folded_lines

    head = "error: "
    return folded_lines(head + harmless_lines(text), WIDTH).removeprefix(head)
