"""System API: the canister's surroundings, certified data, timers, tracing."""

from __future__ import annotations

from operator import attrgetter

from dcanary.replica.state import limits
from dcanary.replica.state.errors import ErrorCode, HostTrap
from dcanary.replica.state.records import Status
from dcanary.replica.vm import execution as ctx
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.system_api.registry import (
    Registry,
    Values,
    charge,
    out_of_bounds,
    read,
    violation,
)

_CERTIFYING = ctx.INIT | ctx.PRE_UPGRADE | ctx.UPDATE | ctx.REPLY | ctx.REJECT | ctx.TASK
_TIMING = _CERTIFYING | ctx.CLEANUP
_ROOT_KEY = _CERTIFYING | ctx.REPLICATED_QUERY | ctx.CLEANUP
_STATUS_NUMBERS = {Status.RUNNING: 1, Status.STOPPING: 2, Status.STOPPED: 3}
_MAX_DEBUG_PRINT = 32 * limits.KIB


def _certificate(execution: Execution) -> bytes:
    if execution.certificate is None:
        if execution.data_certificate is None:
            raise violation("ic0.data_certificate_copy: no data certificate present")
        execution.certificate = execution.data_certificate(execution.canister.id)
    return execution.certificate


def register(registry: Registry) -> None:
    """Define the functions of this topic."""
    mask = registry.mask

    def time(execution: Execution, values: Values) -> None:
        values[0] = execution.now

    def status(execution: Execution, values: Values) -> None:
        values[0] = _STATUS_NUMBERS[execution.canister.status]

    def version(execution: Execution, values: Values) -> None:
        values[0] = execution.canister.version

    def certified_data_set(execution: Execution, values: Values) -> None:
        size = values[2] & mask
        if size > limits.MAX_CERTIFIED_DATA:
            raise violation(
                f"ic0.certified_data_set: {size} bytes, at most {limits.MAX_CERTIFIED_DATA}"
            )
        execution.certified_data = read(execution, values[0] & mask, size)

    def certificate_present(execution: Execution, values: Values) -> None:
        allowed = execution.context & (ctx.QUERY | ctx.COMPOSITE)
        values[0] = 1 if allowed and execution.data_certificate is not None else 0

    def global_timer_set(execution: Execution, values: Values) -> None:
        previous = execution.canister.timer if execution.timer is None else execution.timer
        execution.timer = values[0]
        values[0] = previous

    def performance_counter(execution: Execution, values: Values) -> None:
        kind = values[0] & 0xFFFFFFFF
        instance = execution.instance
        assert instance is not None
        used = execution.limit - instance.counter() + execution.extra_instructions
        if kind:
            if kind > 1:
                raise violation(f"ic0.performance_counter: unknown counter {kind}")
            used += execution.counter_base
        values[0] = used if used > 0 else 0

    def is_controller(execution: Execution, values: Values) -> None:
        size = values[2] & mask
        if size > 29:
            raise violation("ic0.is_controller: not a principal")
        principal = read(execution, values[0] & mask, size)
        values[0] = 1 if principal in execution.canister.settings.controllers else 0

    def in_replicated_execution(execution: Execution, values: Values) -> None:
        values[0] = 0 if execution.context & ctx.NON_REPLICATED else 1

    def debug_print(execution: Execution, values: Values) -> None:
        address, size = values[0] & mask, values[2] & mask
        if address + size > execution.memory.size:
            execution.logs.append(b"(debug_print message out of memory bounds)")
        else:
            execution.logs.append(read(execution, address, min(size, _MAX_DEBUG_PRINT)))

    def trap(execution: Execution, values: Values) -> None:
        address, size = values[0] & mask, values[2] & mask
        if address + size > execution.memory.size:
            raise out_of_bounds()
        shown = read(execution, address, min(size, _MAX_DEBUG_PRINT))
        charge(execution, size - len(shown))
        text = shown.decode(errors="replace")
        raise HostTrap(ErrorCode.CALLED_TRAP, f"Canister called `ic0.trap` with message: '{text}'")

    registry.define_sized("canister_self", ctx.ANY, attrgetter("canister.id"))
    registry.define_sized("subnet_self", ctx.ANY, attrgetter("surroundings.subnet_id"))
    registry.define_sized("root_key", _ROOT_KEY, attrgetter("surroundings.root_key"))
    registry.define_sized("data_certificate", ctx.QUERY | ctx.COMPOSITE, _certificate)
    registry.define("time", ctx.ANY, time)
    registry.define("canister_status", ctx.ANY, status)
    registry.define("canister_version", ctx.ANY, version)
    registry.define("certified_data_set", _CERTIFYING, certified_data_set)
    registry.define("data_certificate_present", ctx.ANY, certificate_present)
    registry.define("global_timer_set", _TIMING, global_timer_set)
    registry.define("performance_counter", ctx.EVERYWHERE, performance_counter)
    registry.define("is_controller", ctx.EVERYWHERE, is_controller)
    registry.define("in_replicated_execution", ctx.EVERYWHERE, in_replicated_execution)
    registry.define("debug_print", ctx.EVERYWHERE, debug_print)
    registry.define("trap", ctx.EVERYWHERE, trap)
