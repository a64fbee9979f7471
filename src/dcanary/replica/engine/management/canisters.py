"""Creating, funding, starting, stopping, emptying and deleting canisters."""

from __future__ import annotations

from typing import Any

from dcanary.candid.principal import to_text
from dcanary.replica.api import Reject, Reply
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.executor import finish_stopping
from dcanary.replica.engine.management.context import (
    NOTHING,
    Call,
    Operation,
    invalid,
    refused,
    reply,
)
from dcanary.replica.engine.management.settings import (
    changed_settings,
    check_settings,
    default_settings,
)
from dcanary.replica.engine.management.types import (
    CANISTER_AND_VERSION,
    CANISTER_ID,
    CREATE_CANISTER,
    PROVISIONAL_CREATE,
    PROVISIONAL_TOP_UP,
)
from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.principal import (
    canister_id,
    canister_number,
    default_range,
)
from dcanary.replica.state.records import Canister, Origin, Status, StopRequest


def _free_id(core: Core) -> bytes:
    first, last = default_range()
    subnet = core.subnet
    while True:
        number = first + subnet.next_canister
        if number > last:
            raise refused("the subnet has no canister ids left")
        subnet.next_canister += 1
        if canister_id(number) not in subnet.canisters:
            return canister_id(number)


def _create(call: Call, arg: dict[str, Any], balance: int, specified: bytes | None) -> Canister:
    given = check_settings(arg["settings"])
    core = call.core
    if specified is None:
        new_id = _free_id(core)
    else:
        if canister_number(specified) is None:
            raise invalid(f"{to_text(specified)} is not a canister id")
        if specified in core.subnet.canisters or specified in call.reserved:
            raise CallError(
                ErrorCode.CANISTER_ID_EXISTS,
                f"Canister {to_text(specified)} is already installed",
            )
        new_id = specified
    canister = Canister(
        id=new_id,
        settings=default_settings(call.sender),
        created=core.subnet.now,
        balance=balance,
    )
    canister.settings = changed_settings(canister.settings, given)
    core.subnet.canisters[new_id] = canister
    change = call.change(canister, "creation", arg["sender_canister_version"])
    change.controllers = list(canister.settings.controllers)
    core.record(canister, change)
    return canister


def create_canister(call: Call, arg: dict[str, Any]) -> Reply:
    fee = call.core.costs.create_canister
    if call.available < fee:
        raise CallError(
            ErrorCode.INSUFFICIENT_CYCLES_FOR_CREATE,
            f"Creating a canister requires a fee of {fee} that is deducted from the canister's "
            f"initial balance but only {call.available} cycles were received with the "
            "create_canister request.",
        )
    check_settings(arg["settings"])
    canister = _create(call, arg, call.accept(call.available) - fee, None)
    return reply(CANISTER_ID, {"canister_id": canister.id})


def _checked_cycles(amount: int) -> int:
    if amount > limits.MAX_CYCLES:
        raise invalid(f"{amount} cycles, at most {limits.MAX_CYCLES}")
    return amount


def provisional_create(call: Call, arg: dict[str, Any]) -> Reply:
    amount = arg["amount"]
    if amount is None:
        amount = limits.DEFAULT_PROVISIONAL_CYCLES
    canister = _create(call, arg, _checked_cycles(amount), arg["specified_id"])
    return reply(CANISTER_ID, {"canister_id": canister.id})


def provisional_top_up(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.core.canister(arg["canister_id"])
    call.core.deposit(canister, _checked_cycles(arg["amount"]))
    return NOTHING


def deposit_cycles(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.core.canister(arg["canister_id"])
    call.core.deposit(canister, call.accept(call.available))
    return NOTHING


def start_canister(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.controlled(arg["canister_id"])
    if canister.status is not Status.RUNNING:
        canister.version += 1
    canister.status = Status.RUNNING
    stops, canister.stops = canister.stops, []
    call.core.index(canister)
    code = ErrorCode.STOP_CANCELLED
    for stop in stops:
        answer = Reject(
            code.reject_code,
            f"Canister {to_text(canister.id)}'s stop request was cancelled.",
            code.text,
        )
        call.core.respond(stop.caller, answer, stop.cycles)
    return NOTHING


def stop_canister(call: Call, arg: dict[str, Any]) -> Reply | None:
    canister = call.controlled(arg["canister_id"])
    if canister.status is Status.STOPPED:
        return NOTHING
    if canister.status is Status.RUNNING:
        canister.version += 1
    canister.status = Status.STOPPING
    canister.stops.append(StopRequest(call.caller, call.available, call.core.subnet.now))
    call.available = 0
    call.core.index(canister)
    finish_stopping(call.core, canister)
    return None


def uninstall(core: Core, canister: Canister, reason: str) -> None:
    """Remove code and state; open calls are rejected with `reason`."""
    core.drop_body(canister)
    canister.module = b""
    canister.installed = 0
    canister.certified_data = b""
    canister.timer = 0
    canister.chunks.clear()
    canister.logs.clear()
    canister.version += 1
    core.index(canister)
    code = ErrorCode.CANISTER_REJECTED
    for call in list(canister.contexts.values()):
        call.deleted = True
        if not call.responded:
            call.responded = True
            refund, call.cycles = call.cycles, 0
            answer = Reject(code.reject_code, f"Canister has been uninstalled: {reason}", code.text)
            core.respond(call.caller, answer, refund)
        if not call.pending:
            del canister.contexts[call.id]
    finish_stopping(core, canister)


def uninstall_code(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.controlled(arg["canister_id"])
    uninstall(call.core, canister, "a controller removed its code")
    change = call.change(canister, "code_uninstall", arg["sender_canister_version"])
    call.core.record(canister, change)
    return NOTHING


def delete_canister(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.controlled(arg["canister_id"])
    if call.sender == canister.id and call.caller.origin is Origin.CALL:
        raise refused(f"Canister {to_text(canister.id)} cannot delete itself.")
    if canister.status is not Status.STOPPED:
        raise CallError(
            ErrorCode.NOT_STOPPED,
            f"Canister {to_text(canister.id)} must be stopped before it is deleted.",
        )
    core = call.core
    core.drop_body(canister)
    canister.timer = 0
    core.index(canister)
    del core.subnet.canisters[canister.id]
    return NOTHING


OPERATIONS = {
    "create_canister": Operation(CREATE_CANISTER, create_canister, ingress=False),
    "provisional_create_canister_with_cycles": Operation(
        PROVISIONAL_CREATE, provisional_create, open=True
    ),
    "provisional_top_up_canister": Operation(PROVISIONAL_TOP_UP, provisional_top_up, open=True),
    "deposit_cycles": Operation(CANISTER_ID, deposit_cycles, ingress=False),
    "start_canister": Operation(CANISTER_ID, start_canister),
    "stop_canister": Operation(CANISTER_ID, stop_canister),
    "uninstall_code": Operation(CANISTER_AND_VERSION, uninstall_code),
    "delete_canister": Operation(CANISTER_ID, delete_canister),
}
