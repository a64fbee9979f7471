"""`dcanary pipeline create`: a pipeline from a template, without a file in the repository."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.parameters import PRINCIPAL


@click.command()
@click.option("--repository", required=True, help="The registered repository.")
@click.option("--template", "label", required=True, metavar="NAME[@VERSION]", help="From this one.")
@click.option(
    "--param",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the template; again for each entry of a list.",
)
@click.option(
    "--approver", "approvers", type=PRINCIPAL, multiple=True, help="Principal that may approve."
)
@click.option("--dry-run", is_flag=True, help="Print the pipeline as a dcanary.yml, register none.")
@pass_context
def create(
    context: Context,
    repository: str,
    label: str,
    settings: tuple[str, ...],
    approvers: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Make the pipeline of a repository from a template of the installation.

    The pipeline keeps which version of the template it was made from, and with which values.
    """
    from dcanary.cli.errors import UsageTrouble
    from dcanary.cli.operations import pipeline as pipelines
    from dcanary.cli.operations import templates
    from dcanary.cli.pipeline import print_pipeline, warn
    from dcanary.project.template import TemplateError

    try:
        chosen = templates.loader(context, local=False)(label)
        values = templates.given_values(chosen, settings)
        text = chosen.render(values)
    except TemplateError as error:
        raise UsageTrouble(str(error)) from None
    if dry_run:
        context.output.text(text.rstrip("\n"))
        return
    installation = pipelines.installation_of(context.system)
    where = f"the template {chosen.label}"
    definition = pipelines.definition_of(text, where, repository, approvers, installation)
    pipelines.require_secrets_of(context.system, text.encode(), where, definition)
    if chosen.version is not None:
        definition["template"] = {
            "name": chosen.name,
            "version": chosen.version,
            "values": templates.to_values(values),
        }
    print_pipeline(context, context.system.pipeline_config.register_pipeline(definition))
    warn(context, definition)
