"""System API: calls to other canisters."""

from __future__ import annotations

from dcanary.replica.state import limits
from dcanary.replica.state.errors import ErrorCode, HostTrap
from dcanary.replica.state.records import Closure
from dcanary.replica.vm import execution as ctx
from dcanary.replica.vm.execution import Execution, OutgoingCall
from dcanary.replica.vm.system_api.registry import Registry, Values, read, violation

_CALLING = (
    ctx.UPDATE | ctx.COMPOSITE | ctx.REPLY | ctx.REJECT
    | ctx.COMPOSITE_REPLY | ctx.COMPOSITE_REJECT | ctx.TASK
)  # fmt: skip
_PAYING = ctx.UPDATE | ctx.REPLY | ctx.REJECT | ctx.TASK
_COMPOSITE = ctx.COMPOSITE | ctx.COMPOSITE_REPLY | ctx.COMPOSITE_REJECT
CALL_REFUSED = 2
"""Result of call_perform when the call could not be made (SYS_TRANSIENT)."""


def _building(execution: Execution, function: str) -> OutgoingCall:
    if execution.building is None:
        raise violation(f"ic0.{function}: no call is being built")
    return execution.building


def discard(execution: Execution) -> None:
    """Forget the call being built; its cycles return."""
    if execution.building is not None:
        execution.balance += execution.building.cycles
        execution.building = None


def add_cycles(execution: Execution, amount: int) -> None:
    """Attach cycles to the call being built."""
    call = _building(execution, "call_cycles_add128")
    if execution.balance - execution.threshold < amount:
        raise HostTrap(
            ErrorCode.INSUFFICIENT_CYCLES_IN_CALL,
            f"Canister has insufficient liquid cycles: {amount} requested, "
            f"{max(execution.balance - execution.threshold, 0)} available",
        )
    execution.balance -= amount
    call.cycles += amount


def register(registry: Registry) -> None:
    """Define the functions of this topic."""
    mask = registry.mask

    def call_new(execution: Execution, values: Values) -> None:
        discard(execution)
        callee = read(execution, values[0] & mask, values[2] & mask)
        method = read(execution, values[4] & mask, values[6] & mask)
        if len(callee) > 29:
            raise violation("ic0.call_new: the callee is not a principal")
        try:
            text = method.decode()
        except UnicodeDecodeError:
            raise violation("ic0.call_new: the method name is not UTF-8") from None
        execution.building = OutgoingCall(
            callee,
            text,
            Closure(values[8] & mask, values[10] & mask),
            Closure(values[12] & mask, values[14] & mask),
        )

    def on_cleanup(execution: Execution, values: Values) -> None:
        call = _building(execution, "call_on_cleanup")
        if call.on_cleanup is not None:
            raise violation("ic0.call_on_cleanup: called twice for one call")
        call.on_cleanup = Closure(values[0] & mask, values[2] & mask)

    def append(execution: Execution, values: Values) -> None:
        call = _building(execution, "call_data_append")
        size = values[2] & mask
        if len(call.payload) + size > limits.MAX_REQUEST_PAYLOAD:
            raise violation(
                "ic0.call_data_append: request payload larger than "
                f"{limits.MAX_REQUEST_PAYLOAD} bytes"
            )
        call.payload += read(execution, values[0] & mask, size)

    def best_effort(execution: Execution, values: Values) -> None:
        call = _building(execution, "call_with_best_effort_response")
        if call.timeout is not None:
            raise violation("ic0.call_with_best_effort_response: the timeout is already set")
        call.timeout = values[0] & 0xFFFFFFFF

    def perform(execution: Execution, values: Values) -> None:
        call = _building(execution, "call_perform")
        execution.building = None
        waiting = execution.canister.outstanding.get(call.callee, 0)
        waiting += sum(1 for other in execution.calls if other.callee == call.callee)
        if waiting >= limits.MAX_CALLS_PER_PAIR:
            execution.balance += call.cycles
            values[0] = CALL_REFUSED
            return
        if not execution.context & _COMPOSITE:
            costs = execution.surroundings.costs
            sending = costs.request(len(call.method.encode()) + len(call.payload))
            call.reserved = costs.response_reservation(registry.memory_64)
            if execution.balance - execution.threshold < sending + call.reserved:
                execution.balance += call.cycles
                values[0] = CALL_REFUSED
                return
            execution.balance -= sending + call.reserved
            execution.burned += sending
        execution.calls.append(call)
        values[0] = 0

    def cycles_add128(execution: Execution, values: Values) -> None:
        add_cycles(execution, values[0] << 64 | values[2])

    def cycles_add(execution: Execution, values: Values) -> None:
        add_cycles(execution, values[0])

    registry.define("call_new", _CALLING, call_new)
    registry.define("call_on_cleanup", _CALLING, on_cleanup)
    registry.define("call_data_append", _CALLING, append)
    registry.define("call_with_best_effort_response", _CALLING, best_effort)
    registry.define("call_perform", _CALLING, perform)
    registry.define("call_cycles_add128", _PAYING, cycles_add128)
    registry.define("call_cycles_add", _PAYING, cycles_add)
