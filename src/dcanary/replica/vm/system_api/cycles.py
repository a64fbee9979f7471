"""System API: cycles and what things cost."""

from __future__ import annotations

from dcanary.replica.state import limits
from dcanary.replica.state.errors import ErrorCode, HostTrap
from dcanary.replica.vm import execution as ctx
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.system_api.registry import Registry, Values, write_u128

_RECEIVING = ctx.UPDATE | ctx.REPLICATED_QUERY | ctx.REPLY | ctx.REJECT
_REFUNDED = ctx.REPLY | ctx.REJECT
_BURNING = (
    ctx.INIT | ctx.PRE_UPGRADE | ctx.UPDATE | ctx.REPLICATED_QUERY
    | ctx.REPLY | ctx.REJECT | ctx.CLEANUP | ctx.TASK
)  # fmt: skip


def _fits_64(value: int) -> int:
    if value >> 64:
        raise HostTrap(
            ErrorCode.CONTRACT_VIOLATION,
            f"Canister violated contract: {value} cycles do not fit 64 bits; "
            "use the 128-bit function",
        )
    return value


def _accept(execution: Execution, most: int) -> int:
    room = max(limits.MAX_CYCLES - execution.balance, 0)
    amount = min(most, execution.available, room)
    execution.available -= amount
    execution.balance += amount
    return amount


def register(registry: Registry) -> None:
    """Define the functions of this topic."""
    mask = registry.mask

    def balance128(execution: Execution, values: Values) -> None:
        write_u128(execution, values[0] & mask, execution.balance)

    def liquid128(execution: Execution, values: Values) -> None:
        liquid = max(execution.balance - execution.threshold, 0)
        write_u128(execution, values[0] & mask, liquid)

    def available128(execution: Execution, values: Values) -> None:
        write_u128(execution, values[0] & mask, execution.available)

    def refunded128(execution: Execution, values: Values) -> None:
        write_u128(execution, values[0] & mask, execution.refunded)

    def accept128(execution: Execution, values: Values) -> None:
        amount = _accept(execution, values[0] << 64 | values[2])
        write_u128(execution, values[4] & mask, amount)

    def burn128(execution: Execution, values: Values) -> None:
        liquid = max(execution.balance - execution.threshold, 0)
        amount = min(values[0] << 64 | values[2], liquid)
        execution.balance -= amount
        execution.burned += amount
        write_u128(execution, values[4] & mask, amount)

    def balance(execution: Execution, values: Values) -> None:
        values[0] = _fits_64(execution.balance)

    def available(execution: Execution, values: Values) -> None:
        values[0] = _fits_64(execution.available)

    def refunded(execution: Execution, values: Values) -> None:
        values[0] = _fits_64(execution.refunded)

    def accept(execution: Execution, values: Values) -> None:
        values[0] = _accept(execution, values[0])

    def cost_call(execution: Execution, values: Values) -> None:
        costs = execution.surroundings.costs
        total = costs.request(values[0] + values[2]) + costs.response_reservation(
            registry.memory_64
        )
        write_u128(execution, values[4] & mask, total)

    def cost_create(execution: Execution, values: Values) -> None:
        write_u128(execution, values[0] & mask, execution.surroundings.costs.create_canister)

    def cost_http(execution: Execution, values: Values) -> None:
        total = execution.surroundings.costs.http_request(values[0], values[2])
        write_u128(execution, values[4] & mask, total)

    def cost_signature(execution: Execution, values: Values) -> None:
        write_u128(execution, values[6] & mask, execution.surroundings.costs.signature)
        values[0] = 0

    registry.define("canister_cycle_balance128", ctx.ANY, balance128)
    registry.define("canister_liquid_cycle_balance128", ctx.ANY, liquid128)
    registry.define("msg_cycles_available128", _RECEIVING, available128)
    registry.define("msg_cycles_refunded128", _REFUNDED, refunded128)
    registry.define("msg_cycles_accept128", _RECEIVING, accept128)
    registry.define("cycles_burn128", _BURNING, burn128)
    registry.define("canister_cycle_balance", ctx.ANY, balance)
    registry.define("msg_cycles_available", _RECEIVING, available)
    registry.define("msg_cycles_refunded", _REFUNDED, refunded)
    registry.define("msg_cycles_accept", _RECEIVING, accept)
    registry.define("cost_call", ctx.EVERYWHERE, cost_call)
    registry.define("cost_create_canister", ctx.EVERYWHERE, cost_create)
    registry.define("cost_http_request", ctx.EVERYWHERE, cost_http)
    for function in ("cost_sign_with_ecdsa", "cost_sign_with_schnorr", "cost_vetkd_derive_key"):
        registry.define(function, ctx.EVERYWHERE, cost_signature)
