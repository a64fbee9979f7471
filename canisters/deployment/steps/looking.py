"""Reads what a canister is now: its module, its changes, and what it can pay."""

from kybra import Async, CallResult, Principal, ic

from canisters.deployment.steps.answer import Answer, Look, rejected
from shared.base.calls import bounded
from shared.rules.limits import CALL_WAIT_SECONDS
from shared.rules.moments import date_text
from shared.types.management import (
    MANAGEMENT,
    CanisterChange,
    CanisterInfoReply,
    CanisterStatusReply,
    ManagementService,
)

CHANGES_SHOWN = 5
DAY_SECONDS = 86_400


def look_at(canister: Principal) -> "Async[Answer]":
    """Read `canister_info` and `canister_status`; the answer's value is the module's hash.

    The count of changes is read first: a change between the two calls is then seen as one more
    change by the next look, rather than never.
    """
    service = ManagementService(Principal.from_str(MANAGEMENT))
    info: CallResult[CanisterInfoReply] = yield bounded(
        service.canister_info({"canister_id": canister, "num_requested_changes": CHANGES_SHOWN}),
        CALL_WAIT_SECONDS,
    )
    if info.Err is not None:
        return rejected(info.Err)
    status: CallResult[CanisterStatusReply] = yield bounded(
        service.canister_status({"canister_id": canister}), CALL_WAIT_SECONDS
    )
    if status.Err is not None:
        return rejected(status.Err)
    found = status.Ok
    settings = found["settings"]
    burned = found["idle_cycles_burned_per_day"]
    # It burns nothing while it holds nothing, also where it pays for all that it gets.
    is_fresh = found["module_hash"] is None and found["memory_size"] == 0 < found["cycles"]
    return Answer(
        found["module_hash"],
        look=Look(
            found["module_hash"],
            info.Ok["total_num_changes"],
            running="running" in found["status"],
            charged=burned > 0 or is_fresh,
            balance=found["cycles"],
            frozen_below=burned * settings["freezing_threshold"] // DAY_SECONDS
            - found["reserved_cycles"],
            freezing_seconds=settings["freezing_threshold"],
            memory_bytes=found["memory_size"],
            memory_allocation=settings["memory_allocation"],
            controllers=settings["controllers"],
            by_others=changed_by(info.Ok["recent_changes"], ic.id().to_str()),
        ),
    )


def changed_by(changes: "list[CanisterChange]", self_id: str) -> "str | None":
    """Describe the newest change when it is not one of ours."""
    if not changes:
        return None
    newest = changes[-1]
    origin = newest["origin"]
    if "from_user" in origin:
        author = origin["from_user"]["user_id"].to_str()
    else:
        author = origin["from_canister"]["canister_id"].to_str()
    if author == self_id:
        return None
    return f"last changed by {author} at {date_text(newest['timestamp_nanos'])}"
