"""Wraps System API functions: context check, error handling, access to the main memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dcanary.replica.state.errors import CallError, ErrorCode, HostTrap
from dcanary.replica.vm import raw
from dcanary.replica.vm.execution import NAMES, Execution, Host

Values = Any
"""Unchecked arguments and results: 64-bit slots, of which the even ones are used."""
ApiFunction = Callable[[Execution, Values], None]
RawFunction = Callable[[int, int, Values], int | None]


def out_of_bounds() -> HostTrap:
    return HostTrap(ErrorCode.TRAPPED, "Canister trapped: heap out of bounds")


def violation(message: str) -> HostTrap:
    return HostTrap(ErrorCode.CONTRACT_VIOLATION, f"Canister violated contract: {message}")


def charge(execution: Execution, amount: int) -> None:
    """Charge instructions the module's own counter does not see."""
    execution.extra_instructions += amount
    if execution.extra_instructions > execution.limit:
        raise HostTrap(
            ErrorCode.INSTRUCTION_LIMIT,
            f"Canister exceeded the limit of {execution.limit} instructions for single message "
            "execution.",
        )


def read(execution: Execution, address: int, length: int) -> bytes:
    """Copy out of the main memory; charged per byte."""
    memory = execution.memory
    end = address + length
    if end > memory.size:
        raise out_of_bounds()
    if length:
        execution.extra_instructions += length
        if execution.extra_instructions > execution.limit:
            charge(execution, 0)
        return memory.view[address:end].tobytes()
    return b""


def write(execution: Execution, address: int, data: bytes) -> None:
    """Copy into the main memory; charged per byte."""
    memory = execution.memory
    length = len(data)
    end = address + length
    if end > memory.size:
        raise out_of_bounds()
    if length:
        execution.extra_instructions += length
        if execution.extra_instructions > execution.limit:
            charge(execution, 0)
        memory.view[address:end] = data


def write_u128(execution: Execution, address: int, value: int) -> None:
    write(execution, address, value.to_bytes(16, "little"))


class Registry:
    """Collects the functions for one pointer width."""

    def __init__(self, host: Host, memory_64: bool) -> None:
        self._host = host
        self.memory_64 = memory_64
        self.mask = 0xFFFFFFFFFFFFFFFF if memory_64 else 0xFFFFFFFF
        self.functions: dict[str, RawFunction] = {}

    def define(self, name: str, contexts: int, function: ApiFunction) -> None:
        """Make `function` ic0.`name`, allowed in `contexts`."""
        host = self._host
        trap_new = raw.trap_new

        def call(_environment: int, _caller: int, values: Values) -> int | None:
            execution = host.execution
            if execution is None:
                return int(trap_new(b"no execution", 12))
            try:
                if execution.context & contexts:
                    function(execution, values)
                    return None
                where = NAMES.get(execution.context, "this")
                raise violation(f'"ic0_{name}" cannot be executed in {where} mode')
            except HostTrap as trap:
                execution.error = CallError(trap.code, trap.message)
            except BaseException as error:  # must not cross the border to native code
                execution.error = CallError(
                    ErrorCode.ENGINE, f"ic0.{name} failed inside the replica: {error!r}"
                )
            return int(trap_new(b"host function trapped", 21))

        self.functions[name] = call

    def define_sized(self, subject: str, contexts: int, get: Callable[[Execution], bytes]) -> None:
        """Define `<subject>_size` and `<subject>_copy(dst, offset, size)`."""
        mask = self.mask

        def size(execution: Execution, values: Values) -> None:
            values[0] = len(get(execution))

        def copy(execution: Execution, values: Values) -> None:
            data = get(execution)
            offset, length = values[2] & mask, values[4] & mask
            if offset + length > len(data):
                raise violation(
                    f"ic0.{subject}_copy: {offset} + {length} exceeds the size {len(data)}"
                )
            if offset or length != len(data):
                data = data[offset : offset + length]
            write(execution, values[0] & mask, data)

        self.define(f"{subject}_size", contexts, size)
        self.define(f"{subject}_copy", contexts, copy)
