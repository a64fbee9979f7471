"""The order behind an approval request: all that the release will do. Pure rules."""

from typing import TYPE_CHECKING

from canisters.verification.gates.rules import evaluate_all
from shared.rules.creation import differences, unbound

if TYPE_CHECKING:
    from canisters.verification.records import ApprovalRecord
    from shared.types.release import ApprovalInput, Order, OrderVerdict, Plan, ReleaseOrder


EARLIER_DEPLOYMENT = (
    "deployment is of an earlier version, which does not say what it would give to the canister "
    "that this release creates: upgrade deployment too"
)


def make_order(request: "ApprovalInput", plan: "Plan", verdict: "OrderVerdict") -> "Order":
    """All that the release will do, in one record."""
    upgrades = "Upgrade" in plan["mode"]
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
        "argument": request["upgrade_arg"] if upgrades else request["install_arg"],
        "verdict": verdict,
        "gates": evaluate_all(request["gates"], request["size"], plan["gates"]),
        "replaces": plan["replaces"],
        "creates": plan["creates"],
    }


def changed_since(order: "Order", plan: "Plan") -> "list[str]":
    """What of an order no longer holds, as sentences; empty when it can be carried out again."""
    found = []
    earlier = unbound(order)
    if earlier is not None:
        found.append(earlier)
    ordered, planned = order["canister"], plan["canister"]
    now = "none" if planned is None else planned.to_str()
    # One that was to be created may be there from the attempt that failed: deployment, which knows
    # what it created, refuses any other.
    if ordered is not None and ordered.to_str() != now:
        found.append(f"the target's canister is {now}, people were asked about {ordered.to_str()}")
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


def release_order(record: "ApprovalRecord", order: "Order", digest: str) -> "ReleaseOrder":
    """What `deployment` is told to do: nothing that was not in the request."""
    request = record["request"]
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
        "install_arg": request["install_arg"],
        "upgrade_arg": request["upgrade_arg"],
        "order": order,
        "digest": digest,
        "attempt": record["releases"] or 1,
    }
