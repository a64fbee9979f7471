"""`dcanary approval`: requests to put agreed bytes on a target, and the votes on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.display import harmless
from dcanary.cli.operations.patience import Patience
from dcanary.cli.orders.readable import changes, gate_text, order_fields, overview
from dcanary.cli.output import Lines
from dcanary.cli.paging import page, paged, rows_of, show
from dcanary.cli.parameters import APPROVAL_ID, APPROVAL_OR_RUN_ID, SECONDS, SHA256
from dcanary.cli.times import moment
from dcanary.client.errors import ClientError, RefusedError

if TYPE_CHECKING:
    from dcanary.client.types.verification import Approval


OPEN = {"Pending", "Approved", "Blocked", "ReleaseFailed"}
"""States of a request whose order may still be carried out, or says why not."""
ORDER_SECONDS = 60.0
"""How long the order of a request from an earlier version is waited for."""


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
        "gates": Lines(gate_text(gate) for gate in found["gates"]),
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
@click.argument("approval_id", type=APPROVAL_ID)
@pass_context
def show_approval(context: Context, approval_id: str) -> None:
    """One approval request: the whole order, and what it would change."""
    found = context.system.verification.get_approval(approval_id)
    if context.output.as_json or context.output.quiet:
        context.output.record(with_files(context, found), "approval")
    else:
        print_request(context, found)


def with_files(context: Context, found: Approval) -> Mapping[str, object]:
    """The request with all files that its order binds, where it binds any.

    What becomes of them is said while the order may still be carried out.
    """
    order = found["order"]
    if order is None or order["assets"] is None:
        return found
    from dcanary.cli.orders.assets import as_json, checked_assets, files_before

    system = context.system
    files = checked_assets(system, found["approval"], order)
    if not OPEN & set(found["state"]):
        return {**found, "files": files}
    return {**found, "files": as_json(files, files_before(system, order["target"]))}


def print_request(context: Context, found: Approval) -> None:
    """Show all that an approver decides on. Raises ClientError when the digest is not the order's.

    Where the order comes from an earlier version, which bound the module only, that is what is
    shown.
    """
    order = found["order"]
    if order is None:
        context.output.record(summary(found), "approval")
        if "Pending" in found["state"]:
            context.output.say(
                "\nAsked by an earlier version, without an order. `dcanary approval approve "
                f"{found['approval']}` (or reject) has it made and shows it first."
            )
        return
    from dcanary.cli.orders.arguments import interface_of
    from dcanary.cli.orders.assets import checked_assets, files_before, lines_of
    from dcanary.cli.orders.digest import checked_digest
    from dcanary.cli.orders.references import lines
    from dcanary.cli.orders.stale import changed_since
    from dcanary.cli.orders.stale import warnings as stale_lines
    from dcanary.cli.orders.target_now import look

    checked_digest(found)
    system = context.system
    files = checked_assets(system, found["approval"], order)
    deployment = system.config.canisters["deployment"]
    interface = interface_of(system, order)
    context.output.record(overview(found), "approval")
    context.output.say("\nThe order, all of it bound by the digest (computed here again):")
    context.output.record(order_fields(order, interface), "target")
    if not OPEN & set(found["state"]):
        return
    context.output.say("\nWhat it changes:")
    now = look(system, order)
    stale = changed_since(order, now.target, deployment, now.module)
    told = lines(system, found, order)
    warnings = [line for line in told if line.startswith("WARNING")]
    rest = [line for line in told if line not in warnings]
    if order["assets"] is not None:
        rest += lines_of(files, files_before(system, order["target"]))
    for line in [*stale_lines(found, stale), *warnings, *changes(order, now, interface), *rest]:
        context.output.say(f"  {harmless(line)}")


class Wanted(NamedTuple):
    """What the order must be for the decision, as far as the caller knows it beforehand."""

    digest: str | None
    sha256: str | None
    yes: bool

    @property
    def unasked(self) -> bool:
        """Only the digest says all: a module's hash says nothing of target and arguments."""
        return self.yes or self.digest is not None

    def require(self, approval_id: str, digest: str, sha256: str) -> None:
        """Raises ClientError when the order is another one."""
        for name, wanted, shown in (
            ("the digest", self.digest, digest),
            ("a module with the sha256", self.sha256, sha256),
        ):
            if wanted is not None and wanted != shown:
                raise ClientError(
                    f"the order of {approval_id} has {name} {shown}, not {wanted}",
                    f"look at it: dcanary approval show {approval_id}",
                )


def with_order(context: Context, approval_id: str) -> Approval:
    """The request, certified. Where an earlier version asked, the order is made now.

    `verification` makes it when somebody votes, and counts no vote before it is there; the empty
    digest is that of no order.
    """
    verification = context.system.verification
    patience = Patience(context.output.progress)

    def look() -> Approval:
        return verification.get_approval(approval_id, certified=True)

    found = patience(look)
    if found["order"] is not None or "Pending" not in found["state"]:
        return found
    try:
        verification.decide_approval(
            {"approval": approval_id, "digest": "", "approve": True, "comment": ""}
        )
    except RefusedError as error:
        if error.kind != "Unavailable":
            raise
    deadline = time.monotonic() + ORDER_SECONDS
    while found["order"] is None and "Pending" in found["state"] and time.monotonic() < deadline:
        time.sleep(0.5)
        found = patience(look)
    return found


def decide(
    context: Context, approval_id: str, approve: bool, wanted: Wanted, comment: str
) -> dict[str, object]:
    """Show the order, ask, and decide on exactly that order; what was decided.

    What is shown is certified by the subnet: a single node could otherwise show another one.
    """
    from dcanary.cli.orders.digest import checked_digest

    found = with_order(context, approval_id)
    shown = checked_digest(found)
    wanted.require(approval_id, shown, found["request"]["sha256"])
    if not context.output.as_json and not context.output.quiet:
        print_request(context, found)
    elif approve and found["order"] is not None:
        from dcanary.cli.orders.assets import checked_assets

        # Nobody may approve files that `approval show` could not list.
        checked_assets(context.system, approval_id, found["order"])
    if not wanted.unasked:
        word = "Approve" if approve else "Reject"
        question = f"{word} exactly the order with the digest {shown}?"
        context.output.confirm(question, "--yes or --digest")
    decided = context.system.verification.decide_approval(
        {"approval": approval_id, "digest": shown, "approve": approve, "comment": comment}
    )
    return {
        "approval": decided["approval"],
        "digest": shown,
        "sha256": decided["request"]["sha256"],
        "state": decided["state"],
    }


def approve_run(
    context: Context, run: str, wanted: Wanted, comment: str, follow: float | None
) -> list[dict[str, object]]:
    """Approve all requests of a run that wait for people, one after the other; what was decided.

    `follow`: how many seconds to wait for those that the run makes when their turn has come; None:
    for none. Raises ClientError when no request waits.
    """
    from dcanary.cli.operations import targets
    from dcanary.cli.operations.watch import describe

    system = context.system
    found = Patience(context.output.progress)(lambda: system.build_executor.get_run(run))
    requests = targets.pending(found)
    if not requests and (follow is None or not targets.waiting(found)):
        raise ClientError(
            f"no approval request of {run} waits: it is {harmless(describe(found['state']))}",
            f"look at it: dcanary run show {run}",
        )
    results: list[dict[str, object]] = []
    seen: set[str] = set()
    while True:
        for approval_id in requests:
            seen.add(approval_id)
            result = decide(context, approval_id, True, wanted, comment)
            results.append(result)
            _tell(context, result)
        if follow is None:
            break
        requests = targets.next_pending(system, run, follow, context.output.progress, seen)
        if not requests:
            break
    left = targets.waiting(found) if follow is None else []
    if left:
        context.output.progress(
            f"{', '.join(left)}: asked about when what they depend on is released. Then: dcanary "
            f"approval approve {run}, or at once with --follow"
        )
    return results


def _tell(context: Context, result: dict[str, object]) -> None:
    """One decision; in JSON they are told together at the end."""
    if not context.output.as_json:
        context.output.record(result, "approval")


def _decision(function: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that `approve` and `reject` share."""
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--comment", default="", help="Kept with the vote."),
        click.option("--sha256", type=SHA256, help="Only if the module's hash is this one."),
        click.option(
            "--digest",
            type=SHA256,
            help="Only if the order's digest is this one; no question is asked.",
        ),
    ):
        function = option(function)
    return function


@approval.command()
@click.argument("ids", metavar="ID...", type=APPROVAL_OR_RUN_ID, nargs=-1, required=True)
@click.option(
    "--follow",
    is_flag=True,
    help="Of a run: go on with the targets that are asked about later, until it has ended.",
)
@click.option("--timeout", type=SECONDS, default=600.0, show_default=True, help="With --follow.")
@_decision
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
) -> None:
    """Approve the order that is shown: bytes, target, arguments and all else that it binds.

    ID is an approval request, or a run: then all its requests that wait are shown and approved, one
    after the other.
    """
    wanted = Wanted(digest, sha256, yes)
    runs = [one for one in ids if one.startswith("run-")]
    if (digest or sha256) and (runs or len(ids) > 1):
        raise click.UsageError("--digest and --sha256 are of one order: name its approval request")
    if follow and not runs:
        raise click.UsageError("--follow is for a run")
    results: list[dict[str, object]] = []
    for one in ids:
        if one in runs:
            seconds = timeout if follow else None
            results += approve_run(context, one, wanted, comment, seconds)
        else:
            results.append(decide(context, one, True, wanted, comment))
            _tell(context, results[-1])
    if context.output.as_json:
        context.output.json(results if runs or len(ids) > 1 else results[0])


@approval.command()
@click.argument("approval_id", type=APPROVAL_ID)
@_decision
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
