"""`dcanary release`: deployments and their rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations.watch import wait_for_release
from dcanary.cli.paging import page, paged, rows_of, show
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.client.types.deployment import Release


@click.group()
def release() -> None:
    """Look at releases and take them back."""


def summary(found: Release) -> dict[str, object]:
    order = found["order"]
    return {
        "release": found["release"],
        "state": found["state"],
        "target": order["target"],
        "canister": found["canister"],
        "mode": order["mode"],
        "approval": order["approval"],
        "run": order["run"],
        "sha256": order["sha256"],
        "module_hash": found["module_hash"],
        "previous_hash": found["previous_hash"],
        "snapshot": found["snapshot"],
        "updated": moment(found["updated_ns"]),
    }


@release.command("list")
@click.option("--target", help="Only of this target.")
@paged
@pass_context
def list_releases(context: Context, target: str | None, limit: int, cursor: str | None) -> None:
    """Releases, newest first."""
    answer = context.system.deployment.list_releases(target, page(limit, cursor))
    rows = rows_of(context, answer["items"], summary)
    columns = ["release:id", "state", "target:text:1", "mode:text:4", "run:id:2", "sha256:hash:3"]
    show(context, answer["next"], rows, columns, "no releases yet")


@release.command("show")
@click.argument("release_id")
@pass_context
def show_release(context: Context, release_id: str) -> None:
    """One release."""
    found = context.system.deployment.get_release(release_id)
    context.output.record(found if context.output.as_json else summary(found), "release")


@release.command()
@click.argument("release_id")
@click.option("--timeout", type=float, default=300.0, show_default=True, help="Seconds to wait.")
@pass_context
def watch(context: Context, release_id: str, timeout: float) -> None:
    """Wait until a release has ended. Exit code 1 when it failed."""
    found = wait_for_release(context.system, release_id, timeout, context.output.progress)
    context.output.record(found if context.output.as_json else summary(found), "release")


@release.command()
@click.argument("release_id")
@click.option("--timeout", type=float, default=120.0, show_default=True, help="Seconds to wait.")
@pass_context
def rollback(context: Context, release_id: str, timeout: float) -> None:
    """Return the target to the module and state it had before RELEASE_ID.

    It is a release of its own, with a snapshot of what it replaces: it can be rolled back too.
    """
    plan = context.system.deployment.plan_rollback(release_id)
    begun = context.system.deployment.rollback_release(release_id, plan["digest"])
    found = wait_for_release(context.system, begun["release"], timeout, context.output.progress)
    context.output.record(found if context.output.as_json else summary(found), "release")
