"""`dcanary approval`: requests to put agreed bytes on a target, and the votes on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.orders.readable import changes, gate_text, order_fields, overview
from dcanary.cli.paging import page, paged, rows_of, show
from dcanary.cli.times import moment
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.client.types.verification import Approval


@click.group()
def approval() -> None:
    """Look at approval requests, approve or reject them."""


def summary(found: Approval) -> dict[str, object]:
    """What an approver must see before deciding."""
    request = found["request"]
    approvals = sum(1 for vote in found["votes"] if vote["approve"])
    return {
        "approval": found["approval"],
        "state": found["state"],
        "run": request["run"],
        "repository": request["source"]["repository"],
        "commit": request["source"]["sha"],
        "target": request["target"],
        "mode": request["mode"],
        "artifact": request["artifact"],
        "bytes": request["size"],
        "sha256": request["sha256"],
        "digest": found["digest"],
        "gates": [gate_text(gate) for gate in found["gates"]],
        "approvals": f"{approvals} of {request['policy']['threshold']}",
        "expires": moment(found["expires_ns"]),
    }


@approval.command("list")
@paged
@pass_context
def list_approvals(context: Context, limit: int, cursor: str | None) -> None:
    """Approval requests, newest first."""
    answer = context.system.verification.list_approvals(page(limit, cursor))
    rows = rows_of(context, answer["items"], summary)
    columns = ["approval:id", "state", "run:id:1", "target:text:2", "mode:text:4", "sha256:hash:3"]
    show(context, answer["next"], rows, columns, "no approval requests yet")


@approval.command("show")
@click.argument("approval_id")
@pass_context
def show_approval(context: Context, approval_id: str) -> None:
    """One approval request: the whole order, and what it would change."""
    found = context.system.verification.get_approval(approval_id)
    if context.output.as_json or context.output.quiet:
        context.output.record(found, "approval")
    else:
        print_request(context, found)


def print_request(context: Context, found: Approval) -> None:
    """Show all that an approver decides on. Raises ClientError when the digest is not the order's.

    Where the order comes from an earlier version, which bound the module only, that is what is
    shown.
    """
    order = found["order"]
    if order is None:
        context.output.record(summary(found), "approval")
        return
    from dcanary.cli.orders.arguments import interface_of
    from dcanary.cli.orders.digest import checked_digest
    from dcanary.cli.orders.target_now import look

    checked_digest(found)
    system = context.system
    interface = interface_of(system, order)
    context.output.record(overview(found), "approval")
    context.output.say("\nThe order, all of it bound by the digest (computed here again):")
    context.output.record(order_fields(order, interface), "target")
    context.output.say("\nWhat it changes:")
    for line in changes(order, look(system, order), interface):
        context.output.say(f"  {line}")


def decide(
    context: Context, approval_id: str, approve: bool, sha256: str | None, comment: str, yes: bool
) -> None:
    """Show the hash, ask, and decide on exactly that hash.

    What is shown is certified by the subnet: a single node could otherwise show another hash.
    """
    found = context.system.verification.get_approval(approval_id, certified=True)
    shown = found["digest"] or ""
    if sha256 not in (None, found["request"]["sha256"]):
        raise ClientError(
            f"{approval_id} is about the artifact with sha256 {found['request']['sha256']}, "
            "not the one that you gave: look at it again"
        )
    if not context.output.as_json and not context.output.quiet:
        print_request(context, found)
    if sha256 is None and not yes:
        word = "Approve" if approve else "Reject"
        context.output.confirm(f"{word} exactly the order with digest {shown}?")
    decided = context.system.verification.decide_approval(
        {
            "approval": approval_id,
            "digest": shown,
            "approve": approve,
            "comment": comment,
        },
    )
    result = {
        "approval": decided["approval"],
        "sha256": decided["request"]["sha256"],
        "digest": decided["digest"],
        "state": decided["state"],
    }
    context.output.record(result, "approval")


_sha256 = click.option("--sha256", help="Decide only if the hash is this one; no question asked.")
_comment = click.option("--comment", default="", help="Kept with the vote.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@approval.command()
@click.argument("approval_id")
@_sha256
@_comment
@_yes
@pass_context
def approve(
    context: Context, approval_id: str, sha256: str | None, comment: str, yes: bool
) -> None:
    """Approve the bytes whose hash is shown."""
    decide(context, approval_id, True, sha256, comment, yes)


@approval.command()
@click.argument("approval_id")
@_sha256
@_comment
@_yes
@pass_context
def reject(context: Context, approval_id: str, sha256: str | None, comment: str, yes: bool) -> None:
    """Reject the bytes whose hash is shown: nothing is deployed."""
    decide(context, approval_id, False, sha256, comment, yes)
