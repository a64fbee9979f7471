"""`dcanary release`: deployments and their rollback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.watch import Ended, wait_for_release
from dcanary.cli.orders.readable import created_with, files_text
from dcanary.cli.paging import page, paged, rows_of, show
from dcanary.cli.parameters import RELEASE_ID, RELEASE_OR_APPROVAL_ID, SECONDS
from dcanary.cli.times import moment
from dcanary.cli.wording import indented
from dcanary.client.errors import RejectedError

if TYPE_CHECKING:
    from dcanary.client.types.deployment import Release
    from dcanary.client.types.verification import Approval

ORDER_SECONDS = 20.0
"""How long a release that was ordered is waited for: usually it is there at once."""

NOT_TAKEN = "deployment has not taken the order yet: dcanary release list"


@click.group()
def release() -> None:
    """Look at releases and take them back."""


def summary(found: Release) -> dict[str, object]:
    """A release for people: one value a field."""
    order, rollback = found["order"], found["rollback"]
    shown: dict[str, object] = {
        "release": found["release"],
        "state": found["state"],
        "target": order["target"],
        "canister": found["canister"],
        # A rollback's order is that of the release which it takes back: not what is there then.
        "mode": f"Rollback of {rollback['undoes']}" if rollback else order["mode"],
        "approval": None if rollback else order["approval"],
        "run": None if rollback else order["run"],
        "sha256": rollback["returns_to"].hex() if rollback else order["sha256"],
        "module_hash": found["module_hash"],
        "previous_hash": found["previous_hash"],
        "snapshot": found["snapshot"],
        "updated": moment(found["updated_ns"]),
    }
    # A rollback creates nothing, whatever the order did that it takes back. A later attempt of an
    # order goes on with the canister that an earlier one made.
    created = None if rollback or order["order"] is None else created_with(order["order"])
    if created is not None and found["created"]:
        shown["made with"] = created
    elif created is not None and found["canister"] is None:
        shown["to be made with"] = created
    files = None if rollback or order["order"] is None else order["order"]["assets"]
    if files is not None:
        shown["files"] = files_text(files)
    if rollback is not None:
        shown["takes back"] = f"{rollback['undoes']} of {order['run']} ({order['approval']})"
    if found["rolled_back_by"] is not None:
        shown["rolled back by"] = found["rolled_back_by"]
    if found["note"] is not None:
        shown["note"] = found["note"]
    return shown


def _print(context: Context, found: Release) -> None:
    context.output.record(found if context.output.as_json else summary(found), "release")


@release.command("list")
@click.option("--target", help="Only of this target.")
@paged
@pass_context
def list_releases(context: Context, target: str | None, limit: int, cursor: str | None) -> None:
    """Releases, newest first."""
    answer = context.system.deployment.list_releases(target, page(limit, cursor))
    rows = rows_of(context, answer["items"], summary)
    columns = [
        "release:id",
        "state:state",
        "target:text:1",
        "mode:text:4",
        "run:id:2",
        "sha256:hash:3",
    ]
    show(context, answer["next"], rows, columns, "no releases yet")


@release.command("show")
@click.argument("release_id", type=RELEASE_ID)
@pass_context
def show_release(context: Context, release_id: str) -> None:
    """One release."""
    found = context.system.deployment.get_release(release_id)
    _print(context, found)


@release.command()
@click.argument("release_id", type=RELEASE_ID)
@click.option("--timeout", type=SECONDS, default=300.0, show_default=True, help="Seconds to wait.")
@pass_context
def watch(context: Context, release_id: str, timeout: float) -> None:
    """Wait until a release has ended. Exit code 1 when it failed."""
    found = wait_for_release(context.system, release_id, timeout, context.output.progress)
    _print(context, found)


@contextmanager
def _nothing_begun() -> Iterator[None]:
    """Say of a rejection that it begins no rollback: one begins in the answer, or not at all."""
    try:
        yield
    except RejectedError as error:
        error.hint = "no rollback was begun: ask again"
        raise


@release.command()
@click.argument("release_id", type=RELEASE_ID)
@click.option("--plan", "only_plan", is_flag=True, help="Show what it would do, and end.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--timeout", type=SECONDS, default=120.0, show_default=True, help="Seconds to wait.")
@pass_context
def rollback(context: Context, release_id: str, only_plan: bool, yes: bool, timeout: float) -> None:
    """Return the target to the module and state it had before RELEASE_ID.

    Shows what that does and asks. It is a release of its own, with a snapshot of what it replaces:
    it can be rolled back too.
    """
    from dcanary.cli.orders.digest import checked_rollback_digest
    from dcanary.cli.orders.rollback import rollback_fields, rollback_warnings

    with _nothing_begun():
        plan = context.system.deployment.plan_rollback(release_id)
    digest = checked_rollback_digest(plan)
    if only_plan and context.output.as_json:
        context.output.json(plan)
    elif not context.output.as_json and not context.output.quiet:
        context.output.record(rollback_fields(plan["order"], digest), "takes back")
    for warning in rollback_warnings(plan["order"]):
        context.output.warning(warning)
    if only_plan:
        return
    if not yes:
        context.output.confirm(f"Roll {release_id} back?")
    with _nothing_begun():
        begun = context.system.deployment.rollback_release(release_id, digest)
    _print(
        context,
        wait_for_release(context.system, begun["release"], timeout, context.output.progress, True),
    )


@release.command()
@click.argument("release_id", type=RELEASE_ID)
@pass_context
def cancel(context: Context, release_id: str) -> None:
    """Cancel a release that waits in the queue: nothing was touched yet."""
    _print(context, context.system.deployment.cancel_release(release_id))


@release.command()
@click.argument("release_or_approval", type=RELEASE_OR_APPROVAL_ID)
@pass_context
def retry(context: Context, release_or_approval: str) -> None:
    """Carry an approved order out again whose release failed.

    Bytes, verdict and votes stay valid while nothing that they bind has changed. Otherwise what
    changed is said, and run retry asks people again. The end is not waited for: see release watch.
    """
    name = release_or_approval
    if name.startswith("release-"):
        name = context.system.deployment.get_release(name)["order"]["approval"]
    verification = context.system.verification
    before = verification.get_approval(name)["release"]
    verification.retry_release(name)
    found = ordered(context, name)
    state, new = found["state"], found["release"]
    if "ReleaseFailed" in state and new == before:
        raise Ended(f"{name}: {indented(str(state['ReleaseFailed']))}")
    # Deployment names the release when it has taken the order.
    made = None if new == before or "Approved" in state else new
    shown: dict[str, object] = {"approval": name, "release": made, "state": state}
    context.output.record(shown, "approval" if made is None else "release")
    if "ReleaseFailed" in state:
        raise Ended(f"{made or name} has ended: Failed", f"look at it: dcanary release show {made}")
    context.output.say(f"follow it: dcanary release watch {made}" if made else NOT_TAKEN)


def ordered(context: Context, approval: str) -> Approval:
    """The approved request once deployment has taken or refused its order, or as it is after
    ORDER_SECONDS."""
    patience = Patience(context.output.progress)
    deadline = time.monotonic() + ORDER_SECONDS
    while True:
        found = patience(lambda: context.system.verification.get_approval(approval))
        if "Approved" not in found["state"] or time.monotonic() > deadline:
            return found
        time.sleep(0.2)
