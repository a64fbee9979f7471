"""The order behind an approval request: all that the release will do. Pure rules."""

from typing import TYPE_CHECKING

from canisters.verification.gates.rules import evaluate_all
from shared.rules.assets import ordered
from shared.rules.creation import differences, unbound
from shared.rules.references import filled

if TYPE_CHECKING:
    from canisters.verification.records import ApprovalRecord
    from shared.types.approval import ApprovalInput, Asset, Order, OrderVerdict
    from shared.types.release import Plan, ReleaseOrder


EARLIER_DEPLOYMENT = (
    "deployment is of an earlier version, which does not say what it would give to the canister "
    "that this release creates: upgrade deployment too"
)
EARLIER_REFERENCES = (
    "deployment is of an earlier version, which does not say which canisters the arguments refer "
    "to: upgrade deployment too"
)


def argument_of(request: "ApprovalInput", plan: "Plan") -> "bytes | str":
    """The argument that the mode uses, with the ids that it refers to; a sentence when one of them
    cannot be put in."""
    canisters = {one["target"]: one["canister"] for one in plan["canisters"] or []}
    if "Upgrade" in plan["mode"]:
        return filled(request["upgrade_arg"], request["upgrade_references"], canisters)
    return filled(request["install_arg"], request["install_references"], canisters)


def make_order(
    request: "ApprovalInput",
    plan: "Plan",
    verdict: "OrderVerdict",
    assets: "list[Asset] | None",
) -> "Order | str":
    """All that the release will do, in one record; a sentence when that cannot be said.

    `assets` are the agreed files in the folder that the request names.
    """
    argument = argument_of(request, plan)
    if isinstance(argument, str):
        return argument
    return {
        "target": request["target"],
        "canister": plan["canister"],
        "network": plan["network"],
        "repository": request["source"]["repository"],
        "run": request["run"],
        "source": request["source"],
        "pipeline_version": request["pipeline_version"],
        "stage": request["stage"],
        "artifact": request["artifact"],
        "sha256": request["sha256"],
        "size": request["size"],
        "mode": plan["mode"],
        "memory": request["memory"],
        "argument": argument,
        "verdict": verdict,
        "gates": evaluate_all(request["gates"], request["size"], plan["gates"]),
        "replaces": plan["replaces"],
        "creates": plan["creates"],
        "assets": None if assets is None else ordered(request["assets"] or "", assets),
    }


def changed_since(
    order: "Order", request: "ApprovalInput", plan: "Plan", release: "str | None"
) -> "list[str]":
    """What of an order no longer holds, as sentences; empty when it can be carried out again.

    `release` is the last one of the order, None when deployment has begun none.
    """
    found = []
    if list(plan["mode"]) == list(order["mode"]):
        argument = argument_of(request, plan)
        if isinstance(argument, str):
            found.append(argument)
        elif argument != order["argument"]:
            found.append("a target that the argument refers to has another canister by now")
    earlier = unbound(order)
    if earlier is not None:
        found.append(earlier)
    ordered, planned = order["canister"], plan["canister"]
    now = "none" if planned is None else planned.to_str()
    # One that was to be created may be there from the attempt that failed: deployment, which knows
    # what it created, refuses any other.
    if ordered is not None and ordered.to_str() != now:
        found.append(f"the target's canister is {now}, people were asked about {ordered.to_str()}")
    elif ordered is None and planned is not None and release is None:
        found.append(f"the target's canister is {now}, people were asked about a new one")
    asked, would = order["creates"], plan["creates"]
    if asked is not None and would is not None:
        found += differences(asked, would)
    if order["network"] != plan["network"]:
        found.append(f"the target is on network {plan['network']}")
    if order["replaces"] != plan["replaces"]:
        old, new = order["replaces"], plan["replaces"]
        found.append(
            f"the target runs {'no module' if new is None else 'module ' + new.hex()}, "
            f"it ran {'no module' if old is None else 'module ' + old.hex()}"
        )
    for result in plan["gates"]:
        if not result["passed"]:
            found.append(f"a gate fails: {result['detail']}")
    return found


def bound_arguments(request: "ApprovalInput", order: "Order") -> "tuple[bytes, bytes]":
    """The arguments for an install and for an upgrade, the one that is used as the order has it."""
    if "Upgrade" in order["mode"]:
        return request["install_arg"], order["argument"]
    return order["argument"], request["upgrade_arg"]


def release_order(
    record: "ApprovalRecord", order: "Order", digest: str, assets: "list[Asset] | None"
) -> "ReleaseOrder":
    """What `deployment` is told to do: nothing that was not in the request."""
    request = record["request"]
    install_arg, upgrade_arg = bound_arguments(request, order)
    return {
        "approval": record["approval"],
        "run": request["run"],
        "repository": request["source"]["repository"],
        "target": request["target"],
        "stage": request["stage"],
        "artifact": request["artifact"],
        "sha256": request["sha256"],
        "size": request["size"],
        "mode": record["mode"],
        "memory": request["memory"],
        "install_arg": install_arg,
        "upgrade_arg": upgrade_arg,
        "order": order,
        "digest": digest,
        "attempt": record["releases"] or 1,
        "assets": assets,
    }
