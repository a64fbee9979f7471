"""`dcanary forge pull-request`: what a person does at a forge's page."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context


@click.command("pull-request")
@click.argument("name")
@click.argument("branch")
@click.option("--fork", metavar="REPOSITORY", help="The repository that BRANCH is of.")
@click.option("--into", metavar="BRANCH", help="What to merge into.  [default: the default branch]")
@click.option("--title", default="", help="What it is about.")
@click.option("--draft", is_flag=True, help="It is not finished yet.")
@click.option("--label", "labels", multiple=True, help="May be given several times.")
@pass_context
def pull_request(
    context: Context,
    name: str,
    branch: str,
    fork: str | None,
    into: str | None,
    title: str,
    draft: bool,
    labels: tuple[str, ...],
) -> None:
    """Open a pull request to NAME, or bring the new commits of BRANCH to it."""
    from dcanary.cli.operations import forge as operations

    made = operations.open_pull_request(
        context.forge_dir,
        name,
        branch,
        fork=fork,
        into=into,
        title=title,
        draft=draft,
        labels=labels,
    )
    shown = {"number": made.number, "ref": made.ref, "commit": made.sha, "title": made.title}
    context.output.record(shown, "number")
