"""`dcanary deploy-pipeline`: the draft becomes the version in force."""

from __future__ import annotations

from pathlib import Path

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.parameters import PRINCIPAL
from dcanary.cli.pipeline_draft import draft_option, repository_option


@click.command("deploy-pipeline")
@repository_option
@click.option(
    "--approver",
    "approvers",
    type=PRINCIPAL,
    multiple=True,
    help="Principal that may approve; added to the draft's.",
)
@draft_option
@pass_context
def deploy_pipeline(
    context: Context, repository: str | None, approvers: tuple[str, ...], draft: Path
) -> None:
    """Send the draft of a pipeline to the installation, as one version.

    Runs under way keep theirs. A draft that says nothing of approval keeps who may approve, and how
    many must. The draft stays, for the next change.
    """
    from dcanary.cli.operations import pipeline as pipelines
    from dcanary.cli.operations.drafts import draft as drafts
    from dcanary.cli.operations.drafts import sending
    from dcanary.cli.operations.drafts.changes import changes
    from dcanary.cli.pipeline import print_pipeline, warn

    drafts.require_draft(draft)
    system, output = context.system, context.output
    installation = pipelines.installation_of(system)
    read = pipelines.read(draft, installation)
    chosen = repository or sending.repository_of(system, read.name)
    before = sending.in_force(system, chosen)
    definition = sending.definition(draft, read, chosen, before, installation, approvers)
    pipelines.require_secrets(system, draft, definition)
    made = sending.send(system, before, definition)
    if made is None:
        assert before is not None
        output.progress(f"no difference: version {before['version']} of {chosen} stays in force")
    elif before is not None:
        for one in changes(before["definition"], definition):
            output.progress(one)
    found = made or before
    assert found is not None
    print_pipeline(context, found)
    warn(context, definition)
