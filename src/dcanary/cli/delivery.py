"""`dcanary delivery`: webhook requests and what became of them."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.ordering import in_order
from dcanary.cli.paging import page, paged, show
from dcanary.cli.parameters import COMMIT
from dcanary.cli.times import moment, with_moments

FIELDS = ("delivery", "repository", "event", "ref", "sha", "state", "run", "received_ns")
"""Of a delivery, as they are shown before the others."""


@click.group()
def delivery() -> None:
    """Look at deliveries; allow one that is held; send one again that did not become a run."""


@delivery.command("list")
@click.argument("repository")
@paged
@pass_context
def list_deliveries(context: Context, repository: str, limit: int, cursor: str | None) -> None:
    """Deliveries of a repository, newest first."""
    answer = context.system.webhook.list_deliveries(repository, page(limit, cursor))
    rows = [{**item, "received": moment(item["received_ns"])} for item in answer["items"]]
    columns = [
        "delivery:id",
        "event:text:3",
        "ref:ref:2",
        "run:id:1",
        "state:state",
        "received:id:4",
    ]
    show(context, answer["next"], rows, columns, "no deliveries yet")


@delivery.command("show")
@click.argument("repository")
@click.argument("delivery_id")
@pass_context
def show_delivery(context: Context, repository: str, delivery_id: str) -> None:
    """One delivery."""
    found = context.system.webhook.get_delivery(repository, delivery_id)
    shown = found if context.output.as_json else with_moments(in_order(found, FIELDS))
    context.output.record(shown, "delivery")


@delivery.command()
@click.argument("repository")
@click.argument("delivery_id")
@click.option("--sha", type=COMMIT, help="The commit that you looked at.  [default: its commit]")
@pass_context
def allow(context: Context, repository: str, delivery_id: str, sha: str | None) -> None:
    """Let a held delivery start the run of its commit, and of no other.

    What a fork's pull request holds is run by executors: look at the commit first. Its run gets no
    secrets and deploys nothing.
    """
    webhook = context.system.webhook
    wanted = sha or webhook.get_delivery(repository, delivery_id)["sha"]
    run = webhook.allow_delivery(repository, delivery_id, wanted)
    context.output.record({"run": run, "commit": wanted}, "run")
    context.output.say(f"follow it: dcanary run watch {run}")


@delivery.command()
@click.argument("repository")
@click.argument("delivery_id")
@pass_context
def replay(context: Context, repository: str, delivery_id: str) -> None:
    """Send a delivery on again whose run was never acknowledged."""
    run = context.system.webhook.replay_delivery(repository, delivery_id)
    context.output.record({"run": run}, "run")
    context.output.say(f"follow it: dcanary run watch {run}")
