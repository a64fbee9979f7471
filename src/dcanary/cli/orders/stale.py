"""Whether an order can still be carried out: how its target differs from when people were asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.cli.operations.register import DEFAULT_TARGET_CYCLES
from dcanary.cli.orders.target_now import target_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcanary.client.system import System
    from dcanary.client.types.deployment import Target
    from dcanary.client.types.verification import Approval, Order

UNDECIDED = "Pending"
MODULE = "the canister runs another module by now"


def changed_since(
    order: Order, target: Target | None, deployment: str, module: bytes | None
) -> list[str]:
    """What of the target is otherwise than the order says, a clause each; empty when nothing is.

    `target` is what deployment, whose canister is `deployment`, has in its books: it refuses the
    order for the same. `module` is the hash of what the target's canister runs.
    """
    if target is None:
        return [f"there is no target {order['target']} any more"]
    ordered, found = order["canister"], target["canister"]
    if ordered is None and found is not None:
        return [f"the order makes a new canister, the target has {found} by now"]
    if ordered != found:
        return [f"the order is for canister {ordered}, the target has {found or 'none'} by now"]
    if target["network"] != order["network"]:
        return [f"the order is for network {order['network']}, the target is on another by now"]
    creates = order["creates"]
    if creates is None:
        return [] if module == order["replaces"] else [MODULE]
    told = []
    if sorted(creates["controllers"]) != sorted({deployment, *target["controllers"]}):
        told.append("the new canister would get other controllers by now")
    cycles = target["cycles"] or DEFAULT_TARGET_CYCLES
    if cycles != creates["cycles"]:
        told.append(
            f"the order makes a canister with {creates['cycles']:,} cycles, the target's settings "
            f"say {cycles:,} by now"
        )
    return told


def warnings(found: Approval, told: Sequence[str]) -> list[str]:
    """Lines that say what has changed, and what follows; none when nothing has, or when the request
    waits for nobody any more."""
    if not told or UNDECIDED not in found["state"]:
        return []
    run = found["request"]["run"]
    return [
        f"WARNING: the target has changed since: {'; '.join(told)}.",
        "This order is not carried out, also when it is approved. To have people asked again, "
        "about what is there now:",
        f"  dcanary run retry {run}",
    ]


def stale_requests(system: System, requests: Sequence[Approval]) -> set[str]:
    """Those of the undecided requests whose target has changed since."""
    deployment = system.config.canisters["deployment"]
    targets: dict[str, Target | None] = {}
    stale = set()
    for found in requests:
        order = found["order"]
        if order is None or UNDECIDED not in found["state"]:
            continue
        name = order["target"]
        if name not in targets:
            targets[name] = target_of(system, name)
        target = targets[name]
        module = None if target is None else target["module_hash"]
        if changed_since(order, target, deployment, module):
            stale.add(found["approval"])
    return stale
