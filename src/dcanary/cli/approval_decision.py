"""Deciding on approval requests: of one, or of all that a run has."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dcanary.cli.approval_request import print_request
from dcanary.cli.context import Context
from dcanary.cli.display import harmless
from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.watch import Ended, describe, state_of
from dcanary.cli.parameters import SHA256
from dcanary.cli.wording import indented
from dcanary.client.errors import ClientError, RefusedError

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Run
    from dcanary.client.types.verification import Approval

ANONYMOUS = "2vxsx-fae"
"""Who has no key; the canister says what to do about it."""
ORDER_SECONDS = 60.0
"""How long the order of a request from an earlier version is waited for."""
MAX_NAMED = 3
"""How many approvers an error names."""
ASK_SECONDS = 2.0
"""How long until it is asked for again: what kept it from being made may have passed."""


class Wanted(NamedTuple):
    """What the order must be for the decision, as far as the caller knows it beforehand."""

    digest: str | None
    sha256: str | None
    yes: bool
    anyway: bool = False
    """Also when the order is not carried out as its target is now."""

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
    digest is that of no order. To reject is what it hears at any time, also while it counts no
    approvals because it brings over what an earlier version had released.
    """
    verification = context.system.verification
    patience = Patience(context.output.progress)

    def look() -> Approval:
        return verification.get_approval(approval_id, certified=True)

    found = patience(look)
    if found["order"] is not None or "Pending" not in found["state"]:
        return found
    began = time.monotonic()
    asked, told = began - ASK_SECONDS, ""
    while found["order"] is None and "Pending" in found["state"]:
        now = time.monotonic()
        if now >= began + ORDER_SECONDS:
            break
        if now >= asked + ASK_SECONDS:
            why = _ask_for_order(context, approval_id, first=not told)
            if why != told:
                context.output.progress(why)
            asked, told = now, why
        time.sleep(0.5)
        found = patience(look)
    return found


def _ask_for_order(context: Context, approval_id: str, first: bool) -> str:
    """Have the order made; why it is not there. Raises RefusedError when it cannot be made."""
    try:
        context.system.verification.decide_approval(
            {"approval": approval_id, "digest": "", "approve": False, "comment": ""}
        )
    except RefusedError as error:
        # Conflict, later: it was made, or the request has ended, since the last look.
        if error.kind != "Unavailable" and (first or error.kind != "Conflict"):
            raise
        return error.sentence
    return ""


def decide(
    context: Context,
    approval_id: str,
    approve: bool,
    wanted: Wanted,
    comment: str,
    run: str | None = None,
) -> dict[str, object]:
    """Show the order, ask, and decide on exactly that order; what was decided. Where a `run` was
    named it has to be one of its requests.

    What is shown is certified by the subnet: a single node could otherwise show another one.
    """
    from dcanary.cli.orders.digest import checked_digest

    found = with_order(context, approval_id)
    if run is not None and found["request"]["run"] != run:
        # Which requests a run has was told by a single node; what is certified counts.
        raise ClientError(
            f"{approval_id} is no request of {run}, which a node said, but of "
            f"{found['request']['run']}",
            f"ask another node, and name the request: dcanary approval approve {approval_id}",
        )
    _refuse_in_vain(context, found, approve)
    shown = checked_digest(found)
    # The digest binds the module of the order. The request is what the canister says beside it.
    sha256 = (found["order"] or found["request"])["sha256"]
    wanted.require(approval_id, shown, sha256)
    if not context.output.as_json and not context.output.quiet:
        print_request(context, found)
    elif approve and found["order"] is not None:
        from dcanary.cli.orders.assets import checked_assets

        # Nobody may approve files that `approval show` could not list.
        checked_assets(context.system, approval_id, found["order"])
    if approve and not wanted.anyway:
        _refuse_stale(context, found)
        _refuse_unread(context, found)
    if not wanted.unasked:
        word = "Approve" if approve else "Reject"
        question = f"{word} exactly the order with the digest {shown}?"
        context.output.confirm(question, "--yes or --digest")
    decided = context.system.verification.decide_approval(
        {"approval": approval_id, "digest": shown, "approve": approve, "comment": comment}
    )
    return {
        "approval": decided["approval"],
        "run": (found["order"] or found["request"])["run"],
        "digest": shown,
        "sha256": sha256,
        "state": decided["state"],
    }


def has_voted(found: Approval, caller: str) -> bool:
    """Whether the caller's vote on a request is there."""
    return any(vote["approver"] == caller for vote in found["votes"])


def _refuse_in_vain(context: Context, found: Approval, approve: bool) -> None:
    """Raises RefusedError, as the canister would after all was read, when nothing can be decided
    any more or the caller is no approver. An admin may reject, which the canister knows."""
    name = found["approval"]
    if "Pending" not in found["state"]:
        raise RefusedError(
            "Conflict",
            f"{name} is not to be decided any more: it is {describe(found['state'])}",
            "decide_approval",
        )
    caller = context.system.connection.sender
    if has_voted(found, caller):
        raise RefusedError(
            "Conflict", f"{caller} has voted on {name} already: a vote is final", "decide_approval"
        )
    approvers = found["policy"]["approvers"]
    if approve and caller not in (ANONYMOUS, *approvers):
        raise RefusedError(
            "Denied",
            f"{caller} is not an approver of {name}: the policy of its repository names them",
            "decide_approval",
            f"approvers: {_some(approvers)}; {_how_to_be_one(context, approvers)}",
        )


def _some(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _how_to_be_one(context: Context, approvers: Sequence[str]) -> str:
    """The option by which an identity of this folder approves, if there is one that may."""
    ours = [name for name, one in context.identities().items() if one in approvers]
    return f"here: --identity {ours[0]}" if ours else "approve as one of them: --identity NAME"


def tell_next(context: Context, results: Sequence[Mapping[str, Any]]) -> None:
    """What follows the votes that were given, as their requests are now."""
    approved = [one for one in results if "Approved" in one["state"]]
    for run in dict.fromkeys(one["run"] for one in approved):
        context.output.progress(f"it is released now; to the end: dcanary run watch {run}")
    for one in results:
        if "Pending" in one["state"]:
            context.output.progress(
                f"{one['approval']} needs further approvers: dcanary approval show "
                f"{one['approval']}"
            )


def _refuse_stale(context: Context, found: Approval) -> None:
    """Raises Ended when the order would not be carried out: nobody is to take the vote for more."""
    from dcanary.cli.orders.stale import changed_since
    from dcanary.cli.orders.target_now import look

    order = found["order"]
    if order is None:
        return
    now = look(context.system, order)
    deployment = context.system.config.canisters["deployment"]
    told = changed_since(order, now.target, deployment, now.module)
    if told:
        raise Ended(
            f"{found['approval']} was not approved: its order is not carried out, because the "
            f"target has changed since ({'; '.join(told)})",
            f"dcanary run retry {order['run']} asks people again, about what is there "
            "now; --anyway votes all the same",
        )


def _refuse_unread(context: Context, found: Approval) -> None:
    """Raises Ended when the module would not read all of the argument that it gets: an `opt` of
    another type is nothing to it, and a value of another type ends the installation."""
    order = found["order"]
    if order is None or not order["argument"]:
        return
    from dcanary.cli.orders.arguments import interface_of, is_read_whole

    if is_read_whole(order["argument"], interface_of(context.system, order)):
        return
    raise Ended(
        f"{found['approval']} was not approved: the module's interface does not read all of its "
        f"arguments (dcanary approval show {found['approval']})",
        "write them by its types, which candid of the deployment names; --anyway votes all the "
        "same",
    )


def approve_run(
    context: Context,
    run: str,
    wanted: Wanted,
    comment: str,
    follow: float | None,
    results: list[dict[str, object]],
) -> Run:
    """Approve all requests of a run that wait for people, one after the other, but those that the
    caller has voted on; the run as it was found last. What was decided is added to `results`, also
    where a later one is refused.

    `follow`: how many seconds to wait for the next request that the run makes, and for its end;
    None: for none. Raises ClientError when no request waits.
    """
    from dcanary.cli.operations import targets

    system = context.system
    found = Patience(context.output.progress)(lambda: system.build_executor.get_run(run))
    requests = targets.pending(found)
    if not requests and (follow is None or not targets.waiting(found)):
        raise ClientError(
            f"no approval request of {run} waits: it is {harmless(describe(found['state']))}",
            f"look at it: dcanary run show {run}",
        )
    before = len(results)
    seen: set[str] = set()
    voted: list[str] = []
    while True:
        for approval_id in requests:
            seen.add(approval_id)
            if _is_voted_on(context, approval_id):
                voted.append(approval_id)
                continue
            result = decide(context, approval_id, True, wanted, comment, run)
            results.append(result)
            tell(context, result)
        if follow is None:
            break
        if voted:
            context.output.progress(f"{', '.join(voted)}: you have voted already")
            voted = []
        found, requests = targets.follow(system, run, follow, context.output.progress, seen)
        if not requests:
            break
    if voted and len(results) == before:
        raise ClientError(
            f"you have voted on {', '.join(voted)} already: a vote is final",
            f"who else is to vote: dcanary approval show {voted[0]}",
        )
    left = targets.waiting(found) if follow is None else []
    if left:
        context.output.progress(
            f"{', '.join(left)}: asked about when what they depend on is released. Then: dcanary "
            f"approval approve {run}, or at once with --follow"
        )
    return found


def _is_voted_on(context: Context, approval_id: str) -> bool:
    """Whether the caller's vote on a request is there."""
    found = Patience(context.output.progress)(
        lambda: context.system.verification.get_approval(approval_id)
    )
    return has_voted(found, context.system.connection.sender)


def require_success(context: Context, followed: Sequence[Run]) -> None:
    """Raises Ended when a run that was followed to its end did not succeed."""
    ended = []
    for found in followed:
        # The reasons of its targets were told, but in JSON and with -q the message stands alone.
        alone = context.output.as_json or context.output.quiet
        how = describe(found["state"]) if alone else state_of(found)
        if state_of(found) == "Succeeded":
            context.output.progress(f"{found['run']}: Succeeded")
        else:
            ended.append((found["run"], how))
    if ended:
        raise Ended(
            "; ".join(f"{run} ended as {indented(how)}" for run, how in ended),
            f"why, and what to do: dcanary run explain {ended[0][0]}",
        )


def tell(context: Context, result: dict[str, object]) -> None:
    """One decision; in JSON they are told together at the end."""
    if not context.output.as_json:
        context.output.record(result, "approval")


def decision(function: Callable[..., None]) -> Callable[..., None]:
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
