"""System API: stable memory."""

from __future__ import annotations

import ctypes

from dcanary.replica.state.errors import ErrorCode, HostTrap
from dcanary.replica.vm import execution as ctx
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.system_api.registry import (
    Registry,
    Values,
    charge,
    out_of_bounds,
    violation,
)

_DIRTY_PAGE_INSTRUCTIONS = 1_000
_PIECE = 1 << 20
"""Bytes copied between two looks at the limits of a query."""
_MAX_32 = 1 << 16
"""Pages the 32-bit functions can address."""


def _out_of_bounds() -> HostTrap:
    return HostTrap(ErrorCode.TRAPPED, "Canister trapped: stable memory out of bounds")


def _read(execution: Execution, target: int, offset: int, size: int) -> None:
    stable, memory = execution.stable, execution.memory
    if offset + size > stable.size:
        raise _out_of_bounds()
    if target + size > memory.size:
        raise out_of_bounds()
    if size:
        charge(execution, size)
        for at in range(0, size, _PIECE):
            length = min(_PIECE, size - at)
            if at and execution.watch is not None:
                execution.watch.check()
            ctypes.memmove(memory.base + target + at, stable.read(offset + at, length), length)


def _write(execution: Execution, offset: int, source: int, size: int) -> None:
    stable, memory = execution.stable, execution.memory
    if offset + size > stable.size:
        raise _out_of_bounds()
    if source + size > memory.size:
        raise out_of_bounds()
    if size:
        charge(execution, size)
        for at in range(0, size, _PIECE):
            length = min(_PIECE, size - at)
            if at and execution.watch is not None:
                execution.watch.check()
            content = ctypes.string_at(memory.base + source + at, length)
            charge(execution, stable.write(offset + at, content) * _DIRTY_PAGE_INSTRUCTIONS)


def _only_small(execution: Execution) -> None:
    if execution.stable.pages > _MAX_32:
        raise violation("stable memory is larger than 4 GiB; use the stable64 functions")


def register(registry: Registry) -> None:
    """Define the functions of this topic."""

    def size64(execution: Execution, values: Values) -> None:
        values[0] = execution.stable.pages

    def grow64(execution: Execution, values: Values) -> None:
        values[0] = execution.stable.grow(values[0]) & 0xFFFFFFFFFFFFFFFF

    def read64(execution: Execution, values: Values) -> None:
        _read(execution, values[0], values[2], values[4])

    def write64(execution: Execution, values: Values) -> None:
        _write(execution, values[0], values[2], values[4])

    def size32(execution: Execution, values: Values) -> None:
        _only_small(execution)
        values[0] = execution.stable.pages

    def grow32(execution: Execution, values: Values) -> None:
        _only_small(execution)
        pages = values[0] & 0xFFFFFFFF
        if execution.stable.pages + pages > _MAX_32:
            values[0] = 0xFFFFFFFF
        else:
            values[0] = execution.stable.grow(pages) & 0xFFFFFFFF

    def read32(execution: Execution, values: Values) -> None:
        _only_small(execution)
        _read(execution, *(values[slot] & 0xFFFFFFFF for slot in (0, 2, 4)))

    def write32(execution: Execution, values: Values) -> None:
        _only_small(execution)
        _write(execution, *(values[slot] & 0xFFFFFFFF for slot in (0, 2, 4)))

    registry.define("stable64_size", ctx.EVERYWHERE, size64)
    registry.define("stable64_grow", ctx.EVERYWHERE, grow64)
    registry.define("stable64_read", ctx.EVERYWHERE, read64)
    registry.define("stable64_write", ctx.EVERYWHERE, write64)
    registry.define("stable_size", ctx.EVERYWHERE, size32)
    registry.define("stable_grow", ctx.EVERYWHERE, grow32)
    registry.define("stable_read", ctx.EVERYWHERE, read32)
    registry.define("stable_write", ctx.EVERYWHERE, write32)
