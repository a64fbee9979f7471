"""`dcanary forge`: a local Git forge to try DCanary and test pipelines without a public URL."""

from __future__ import annotations

from dataclasses import asdict

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.forge_pull_request import pull_request
from dcanary.cli.operations.secrets import read_secret
from dcanary.cli.paging import rows_of


@click.group()
def forge() -> None:
    """Serve repositories over HTTP; sign each push as GitHub or another forge does."""


forge.add_command(pull_request)


@forge.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 keeps the last one.")
@click.option("--background", is_flag=True, help="Return when it answers.")
@pass_context
def start(context: Context, port: int, background: bool) -> None:
    """Serve until interrupted."""
    from dcanary.cli.operations import forge as operations
    from dcanary.cli.operations.processes import Processes

    if not background:
        operations.serve(context.forge_dir, port)
        return
    processes = Processes(context.processes_dir)
    url = operations.start_in_background(context.home, context.forge_dir, processes, port)
    context.output.record({"url": url}, "url")


@forge.command()
@pass_context
def stop(context: Context) -> None:
    """Stop the forge of this installation, in the background or not."""
    from dcanary.cli.operations import forge as operations
    from dcanary.cli.operations.processes import Processes

    stopped = operations.stop(context.forge_dir, Processes(context.processes_dir))
    context.output.say("stopped" if stopped else "no forge was running")


@forge.command()
@click.argument("name")
@click.option(
    "--provider",
    type=click.Choice(("bitbucket", "gitea", "github", "gitlab")),
    help="Whose deliveries it sends.  [default: github]",
)
@pass_context
def create(context: Context, name: str, provider: str | None) -> None:
    """Create the bare repository NAME."""
    from dcanary.cli.operations import forge as operations

    url = operations.create_repository(context.forge_dir, name, provider)
    context.output.record({"repository": name, "clone_url": url}, "clone_url")


@forge.command()
@click.argument("name")
@pass_context
def url(context: Context, name: str) -> None:
    """What to clone from and push to."""
    from dcanary.cli.operations import forge as operations

    found = operations.clone_url(context.forge_dir, name)
    context.output.record({"repository": name, "clone_url": found}, "clone_url")


@forge.command()
@click.argument("name")
@click.option("--url", "webhook", required=True, help="Printed by dcanary repository webhook.")
@click.option("--secret-file", required=True, help="File with the secret to sign with, or -.")
@pass_context
def hook(context: Context, name: str, webhook: str, secret_file: str) -> None:
    """Post each push of NAME to a webhook."""
    from dcanary.cli.operations import forge as operations

    operations.set_webhook(context.forge_dir, name, webhook, read_secret(secret_file))
    context.output.say(f"pushes to {name} are posted to {webhook}")


@forge.command()
@click.argument("name")
@pass_context
def deliveries(context: Context, name: str) -> None:
    """What was posted, and how the receiver answered; oldest first.

    Why one started no run is said below, whole.
    """
    from dcanary.cli.operations import forge as operations
    from dcanary.cli.operations.forge import answer_of, reasons

    found = operations.deliveries(context.forge_dir, name)
    rows = rows_of(context, [asdict(one) for one in found], lambda row: {**row, **answer_of(row)})
    columns = [
        "delivery:id",
        "event:text:4",
        "ref:ref:3",
        "state:id",
        "status:id:1",
        "attempts:id:5",
        "answer:id:2",
    ]
    context.output.table(rows, columns, "no deliveries yet")
    if not context.output.as_json:
        for reason in reasons(found):
            context.output.say(reason)
        if any(one.is_open for one in found) and operations.running_url(context.forge_dir) is None:
            context.output.say(
                "\nno forge runs here, so what waits is not sent: dcanary forge start --background"
            )


@forge.command()
@click.argument("name")
@click.argument("delivery_id")
@pass_context
def redeliver(context: Context, name: str, delivery_id: str) -> None:
    """Post a delivery once more, under the same id."""
    from dcanary.cli.operations import forge as operations

    operations.redeliver(context.forge_dir, name, delivery_id)
    context.output.say(f"{delivery_id} will be sent again")


@forge.command()
@click.argument("name")
@click.option("--sha", help="Of one commit only: its id, or the beginning of it.")
@pass_context
def statuses(context: Context, name: str, sha: str | None) -> None:
    """What was posted to commits of NAME; oldest first."""
    from dcanary.cli.operations import forge as operations
    from dcanary.cli.times import moment

    rows = [
        {**asdict(one), "at": moment(int(one.posted * 1e9))}
        for one in operations.statuses(context.forge_dir, name)
        if sha is None or one.sha.startswith(sha)
    ]
    columns = [
        "context:id",
        "state:id",
        "description:text:1",
        "sha:hash:2",
        "at:text:3",
        "target_url:text:4=link",
    ]
    context.output.table(rows, columns, "no statuses yet")


@forge.command()
@pass_context
def token(context: Context) -> None:
    """The file with the token that posts of statuses must have; its content is not printed."""
    from dcanary.cli.operations import forge as operations

    context.output.record({"file": operations.token_file(context.forge_dir)}, "file")
