"""Sends cycles of this canister to the canister of a target, and writes down how many."""

from kybra import Async, CallResult, ic, void

from canisters.deployment import store
from canisters.deployment.spending import why_too_much
from canisters.deployment.steps.performing import management
from canisters.deployment.targets.service import find
from canisters.deployment.targets.views import shown
from shared.rules.limits import MAX_TARGET_CYCLES
from shared.rules.refused import conflict, invalid, unavailable
from shared.types.target import Target, TopUp


def top_up(target: str, cycles: int, caller: str) -> "Async[Target]":
    """Send `cycles` to the target's canister. Raises Conflict when it has none, or when this
    canister cannot spend so many.

    The call waits for its answer without bound: one that is bounded may lose the cycles that it
    carries, and the management canister, not the target, answers.
    """
    if not 1 <= cycles <= MAX_TARGET_CYCLES:
        raise invalid(f"cycles is {cycles:,}: 1 to {MAX_TARGET_CYCLES:,} (MAX_TARGET_CYCLES)")
    record = find(target)
    canister = record["canister"]
    if canister is None:
        raise conflict(
            f"target {target} has no canister yet: what its new one gets is set with update_target"
        )
    why = why_too_much(f"topping target {target} up", cycles)
    if why is not None:
        raise conflict(why)
    reply: CallResult[void] = yield (
        management().deposit_cycles({"canister_id": canister}).with_cycles128(cycles)
    )
    if reply.Err is not None:
        raise unavailable(f"no cycles were sent to {canister.to_str()}: {reply.Err}")
    # The target may have got another canister meanwhile, or be deleted: the cycles are where they
    # were sent, and the answer says where that was.
    kept = store.targets.get(target)
    before = record["topped_up"] if kept is None else kept["topped_up"]
    sent: TopUp = {
        "total": cycles + (0 if before is None else before["total"]),
        "last": cycles,
        "by": caller,
        "at_ns": ic.time(),
    }
    record["topped_up"] = sent
    if kept is not None:
        kept["topped_up"] = sent
        store.targets.insert(target, kept)
        if kept["canister"] is not None and kept["canister"].to_str() == canister.to_str():
            return shown(kept, ic.time())
    return shown(record, ic.time())
