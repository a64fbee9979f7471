"""Finds and runs the operation of a call to the management canister."""

from __future__ import annotations

from typing import Any

from dcanary import not_yet
from dcanary.candid import CandidError
from dcanary.replica.api import Reject, Reply
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.installer import Installer
from dcanary.replica.engine.management import (
    canisters,
    code,
    services,
    settings,
    snapshot_transfer,
    snapshots,
    status,
)
from dcanary.replica.engine.management.context import Call, Operation, check_controller
from dcanary.replica.engine.queries import Queries
from dcanary.replica.state.errors import CallError, EngineError, ErrorCode
from dcanary.replica.state.records import Answer, Caller, Canister, Origin, Request

OPERATIONS: dict[str, Operation] = {
    **canisters.OPERATIONS,
    **code.OPERATIONS,
    **settings.OPERATIONS,
    **status.OPERATIONS,
    **snapshots.OPERATIONS,
    **snapshot_transfer.OPERATIONS,
    **services.OPERATIONS,
}


def _operation(method: str) -> Operation:
    found = OPERATIONS.get(method)
    if found is not None:
        return found
    if method in not_yet.MANAGEMENT_METHODS:
        raise CallError(
            ErrorCode.UNKNOWN_MANAGEMENT_METHOD,
            not_yet.MANAGEMENT.sentence(method),
        )
    raise CallError(
        ErrorCode.UNKNOWN_MANAGEMENT_METHOD, f"Management canister has no method '{method}'"
    )


def _decode(operation: Operation, method: str, arg: bytes) -> Any:
    if operation.argument is None:
        return None
    try:
        (value,) = operation.argument.decode(arg)
    except CandidError as error:
        raise CallError(
            ErrorCode.INVALID_MANAGEMENT_PAYLOAD,
            f"Error decoding candid of management canister method '{method}': {error}",
        ) from None
    return value


class Management:
    """Principal aaaaa-aa."""

    def __init__(self, core: Core, reserved: frozenset[bytes] = frozenset()) -> None:
        self._core = core
        self._reserved = reserved
        self.installer = Installer(core)
        self.queries = Queries(core, self.query)

    def _call(self, caller: Caller, cycles: int) -> Call:
        return Call(self._core, self.installer, self.queries, caller, cycles, self._reserved)

    def inspect(self, sender: bytes, method: str, arg: bytes) -> Canister | None:
        """Check an ingress message; returns the canister it is about, who also pays for it.
        Raises `CallError` when it is refused."""
        operation = _operation(method)
        if not operation.ingress:
            raise CallError(
                ErrorCode.CANISTER_REJECTED,
                f"Management canister method '{method}' can only be called by canisters",
            )
        value = _decode(operation, method, arg)
        if not isinstance(value, dict):
            return None
        target = value.get("target_canister") or value.get("canister_id")
        if target is None:
            return None
        canister = self._core.canister(target)
        if not operation.open:
            check_controller(canister, sender)
        return canister

    def subject(self, request: Request) -> bytes:
        """Return the canister that a call is about; empty for none."""
        try:
            operation = _operation(request.method)
            value = _decode(operation, request.method, request.arg)
        except CallError:
            return b""  # it will be refused
        if not isinstance(value, dict):
            return b""
        found: bytes = value.get("target_canister") or value.get("canister_id") or b""
        return found

    def call(self, request: Request) -> None:
        """Execute a call; every outcome is answered, now or later."""
        call = self._call(request.caller, request.cycles)
        self._core.show_processing(request.caller)
        try:
            operation = _operation(request.method)
            if request.caller.origin is Origin.INGRESS and not operation.ingress:
                raise CallError(
                    ErrorCode.CANISTER_REJECTED,
                    f"Management canister method '{request.method}' can only be called by "
                    "canisters",
                )
            answer = operation.run(call, _decode(operation, request.method, request.arg))
        except CallError as error:
            self._core.respond(request.caller, error.reject(), call.available)
            return
        except (EngineError, MemoryError, OSError) as error:
            # This machine's limits, not an error of the canister: say so and go on.
            failure = CallError(ErrorCode.ENGINE, f"The replica could not do it: {error}")
            self._core.respond(request.caller, failure.reject(), call.available)
            return
        if answer is not None:
            self._core.respond(request.caller, answer, call.available)

    def query(self, sender: bytes, method: str, arg: bytes) -> Reply | Reject:
        """Answer a query of the management canister."""
        try:
            operation = _operation(method)
            if not operation.query:
                raise CallError(
                    ErrorCode.METHOD_NOT_FOUND,
                    f"Management canister has no query method '{method}'",
                )
            caller = Caller(Origin.INGRESS, sender)
            call = self._call(caller, 0)
            answer = operation.run(call, _decode(operation, method, arg))
        except CallError as error:
            return error.reject()
        assert answer is not None
        return answer

    def call_by(self, canister_id: bytes, method: str, arg: dict[str, Any], cycles: int) -> Reply:
        """Execute a call of a native canister, with a decoded argument. The method must be one that
        is answered at once. Raises `CallError`."""
        call = self._call(Caller(Origin.CALL, canister_id), cycles)
        answer = _operation(method).run(call, arg)
        assert answer is not None, f"{method} is answered later"
        return answer

    def uninstall(self, canister: Canister, reason: str) -> None:
        """Remove a canister's code on behalf of the subnet."""
        canisters.uninstall(self._core, canister, reason)

    def finish_outcall(self, answer: Answer) -> None:
        """Answer a pending http_request."""
        services.finish_outcall(self._core, self.queries, answer)
