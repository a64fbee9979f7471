"""`dcanary reporter`: post reports to forges."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.parameters import NAME


@click.group()
def reporter() -> None:
    """Post what happens to runs to the forges of their repositories."""


@reporter.command()
@click.option(
    "--token-file",
    "token_files",
    multiple=True,
    metavar="PLACE=FILE",
    help="Token for github.com, github.com/OWNER or another place; may be repeated. Also "
    "PLACE=TOKEN words in $DCANARY_REPORTER_TOKENS.",
)
@click.option(
    "--link",
    default="",
    metavar="URL",
    help="Where statuses lead to; {run}, {repository} and {sha} in it are filled in.",
)
@click.option(
    "--name",
    type=NAME,
    help="Tells reporters of one identity apart.  [default: this host and process]",
)
@click.option("--once", is_flag=True, help="Post what is due and end.")
@pass_context
def run(
    context: Context, token_files: tuple[str, ...], link: str, name: str | None, once: bool
) -> None:
    """Post reports until it is interrupted, as statuses of commits.

    One reporter of several posts at a time, the others stand by. Its identity needs the role
    Reporter. A token goes to the place that it is given for alone; the local forge's own is found.
    """
    from dcanary.cli.operations import reporter as operations

    waiting = operations.run(
        context.system,
        context.forge_dir,
        token_files,
        link=link,
        name=name,
        once=once,
        progress=context.output.progress,
    )
    if once:
        context.output.record({"waiting": waiting}, "waiting")
