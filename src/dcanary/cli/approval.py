"""`dcanary approval`: requests to put agreed bytes on a target, and the votes on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from dcanary.cli.approval_decision import (
    Wanted,
    approve_run,
    decide,
    decision,
    require_success,
    tell,
    tell_next,
)
from dcanary.cli.approval_request import print_request, summary, with_files
from dcanary.cli.context import Context, pass_context
from dcanary.cli.display import harmless
from dcanary.cli.operations.watch import describe
from dcanary.cli.paging import page, paged, rows_of, show
from dcanary.cli.parameters import APPROVAL_ID, APPROVAL_OR_RUN_ID, SECONDS
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Run
    from dcanary.client.types.verification import Approval


@click.group()
def approval() -> None:
    """Look at approval requests, approve or reject them."""


@approval.command("list")
@paged
@pass_context
def list_approvals(context: Context, limit: int, cursor: str | None) -> None:
    """Approval requests, newest first."""
    answer = context.system.verification.list_approvals(page(limit, cursor))
    rows = rows_of(context, answer["items"], summary)
    if not context.output.as_json:
        rows = _with_stale(context, answer["items"], rows)
    columns = [
        "approval:id",
        "state:state",
        "run:id:1",
        "target:text:2",
        "mode:text:4",
        "sha256:hash:3",
    ]
    show(context, answer["next"], rows, columns, "no approval requests yet")


def _with_stale(
    context: Context, found: Sequence[Approval], rows: Sequence[Mapping[str, object]]
) -> list[Mapping[str, object]]:
    """The rows, with a word at those whose order is not carried out as things are now."""
    from dcanary.cli.orders.stale import stale_requests

    stale = stale_requests(context.system, found)
    return [
        {**row, "state": "Pending: target changed, see approval show"}
        if row["approval"] in stale
        else row
        for row in rows
    ]


@approval.command("show")
@click.argument("approval_id", metavar="ID", type=APPROVAL_OR_RUN_ID)
@pass_context
def show_approval(context: Context, approval_id: str) -> None:
    """One approval request: the whole order, and what it would change.

    ID is an approval request, or a run: then the last one of each of its targets.
    """
    names, is_run = [approval_id], approval_id.startswith("run-")
    if is_run:
        run = context.system.build_executor.get_run(approval_id)
        names = [one["approval"] for one in run["targets"] or [] if one["approval"] is not None]
        if not names:
            state = harmless(describe(run["state"]))
            raise ClientError(
                f"{approval_id} has asked for no approval: it is {state}",
                f"look at it: dcanary run explain {approval_id}",
            )
    requests = [context.system.verification.get_approval(name) for name in names]
    if context.output.as_json and is_run:
        context.output.json([with_files(context, found) for found in requests])
        return
    for index, found in enumerate(requests):
        if context.output.as_json or context.output.quiet:
            context.output.record(with_files(context, found), "approval")
        else:
            if index:
                context.output.say("")
            print_request(context, found)


@approval.command()
@click.argument("ids", metavar="ID...", type=APPROVAL_OR_RUN_ID, nargs=-1, required=True)
@click.option(
    "--follow",
    is_flag=True,
    help="Of a run: go on with targets that are asked about later, wait until all are released.",
)
@click.option(
    "--timeout",
    type=SECONDS,
    default=600.0,
    show_default=True,
    help="With --follow: seconds to wait for the next request or the end.",
)
@click.option(
    "--anyway",
    is_flag=True,
    help="Also an order that is not carried out, because its target has changed since, and one "
    "whose module does not read all of its arguments.",
)
@decision
@pass_context
def approve(
    context: Context,
    ids: tuple[str, ...],
    follow: bool,
    timeout: float,
    digest: str | None,
    sha256: str | None,
    comment: str,
    yes: bool,
    anyway: bool = False,
) -> None:
    """Approve the order that is shown: bytes, target, arguments and all else that it binds.

    ID is an approval request, or a run: then all its requests that wait are shown and approved, one
    after the other. With --follow the exit code is 1 when the run did not succeed.
    """
    wanted = Wanted(digest, sha256, yes, anyway)
    runs = [one for one in ids if one.startswith("run-")]
    if (digest or sha256) and (runs or len(ids) > 1):
        raise click.UsageError("--digest and --sha256 are of one order: name its approval request")
    if follow and not runs:
        raise click.UsageError("--follow is for a run")
    results: list[dict[str, object]] = []
    followed: list[Run] = []
    several = bool(runs) or len(ids) > 1
    try:
        for one in ids:
            if one in runs:
                seconds = timeout if follow else None
                found = approve_run(context, one, wanted, comment, seconds, results)
                followed += [found] if follow else []
            else:
                results.append(decide(context, one, True, wanted, comment))
                tell(context, results[-1])
    finally:
        # Also those before one that is refused: they count.
        if context.output.as_json and results:
            context.output.json(results if several else results[0])
    if not follow:
        tell_next(context, results)
    require_success(context, followed)


@approval.command()
@click.argument("approval_id", type=APPROVAL_ID)
@decision
@pass_context
def reject(
    context: Context,
    approval_id: str,
    digest: str | None,
    sha256: str | None,
    comment: str,
    yes: bool,
) -> None:
    """Reject the order that is shown: nothing is deployed."""
    context.output.record(
        decide(context, approval_id, False, Wanted(digest, sha256, yes), comment), "approval"
    )
