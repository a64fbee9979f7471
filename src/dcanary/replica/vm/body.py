"""The executable part of a canister: module, memories, globals and the living instance."""

from __future__ import annotations

import ctypes
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi

from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import Closure
from dcanary.replica.vm import raw
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.memory.linear import LinearMemory
from dcanary.replica.vm.memory.stable import StableMemory
from dcanary.replica.vm.runtime import Runtime
from dcanary.replica.wasm.compiler import CompiledModule
from dcanary.replica.wasm.config import EPOCH_SECONDS
from dcanary.replica.wasm.rewrite import (
    CALLBACK,
    GET_COUNTER,
    GET_GLOBALS,
    SET_COUNTER,
    SET_GLOBALS,
)
from dcanary.replica.wasm.shape import ThinEntry

_NO_DEADLINE = 1 << 60
_SLOT = 16
"""Bytes of one value in an unchecked call."""
_EPOCH_TICKS = int(limits.QUERY_WALL_CLOCK_SECONDS / EPOCH_SECONDS) + 1


class Instance:
    """One wasmtime store with the module's instance in it."""

    def __init__(self, runtime: Runtime, module: CompiledModule, memory: LinearMemory) -> None:
        self._runtime = runtime
        self.store = wasmtime.Store(runtime.engine)
        self.store.set_limits(
            memory_size=-1,
            table_elements=limits.MAX_TABLE_ELEMENTS,
            instances=2,
            tables=64,
            memories=2,
        )
        self._context = ctypes.cast(self.store._context(), ctypes.c_void_p).value
        raw.set_epoch_deadline(self._context, _NO_DEADLINE)
        self._guarded = False
        self._functions: dict[str, tuple[int, Any] | None] = {}
        self._instance = ffi.wasmtime_instance_t()
        self._trap = ctypes.c_void_p()
        self._trap_address = ctypes.addressof(self._trap)
        self._arguments = (ctypes.c_uint64 * 8)()
        self._arguments_address = ctypes.addressof(self._arguments)
        runtime.creator.pending = memory if module.parsed.memories else None
        error = raw.instantiate_pre(
            runtime.prepared(module).ptr(),
            self._context,
            ctypes.byref(self._instance),
            self._trap_address,
        )
        runtime.creator.pending = None
        if self._trap.value:
            raw.trap_delete(self._trap.value)
            self._trap.value = None
            raise CallError(ErrorCode.INVALID_WASM, "The module traps while it is instantiated.")
        if error:
            text = " ".join(raw.take_error(error).split())
            raise CallError(ErrorCode.INVALID_WASM, f"The module cannot be instantiated: {text}")
        count = len(module.parsed.mutable_globals())
        self._global_count = count
        self._globals = (ctypes.c_uint64 * (2 * max(count, 1)))()
        self._globals_address = ctypes.addressof(self._globals)
        self._globals_size = _SLOT * count

    def function(self, name: str) -> tuple[int, Any] | None:
        """Address and structure of an exported function."""
        try:
            return self._functions[name]
        except KeyError:
            pass
        found: tuple[int, Any] | None = None
        item: Any = ffi.wasmtime_extern_t()
        encoded = name.encode()
        if (
            raw.export_get(
                self._context, ctypes.byref(self._instance), encoded, len(encoded),
                ctypes.byref(item),
            )
            and item.kind == ffi.WASMTIME_EXTERN_FUNC.value
        ):  # fmt: skip
            structure = ffi.wasmtime_func_t.from_buffer_copy(item.of.func)
            found = (ctypes.addressof(structure), structure)
        self._functions[name] = found
        return found

    def _call(self, name: str, values: int, count: int) -> str | None:
        """Call an export with values at an address. Returns why it trapped, or None."""
        function = self.function(name)
        if function is None:
            return f"no function {name}"
        error = raw.call_unchecked(self._context, function[0], values, count, self._trap_address)
        trap = self._trap.value
        if not error and not trap:
            return None
        if trap:
            self._trap.value = None
            code = ctypes.c_uint8(255)
            raw.trap_code(trap, ctypes.addressof(code))
            raw.trap_delete(trap)
            return raw.TRAP_TEXTS.get(code.value, f"trap {code.value}")
        return raw.take_error(error)

    def run(self, entry: str | Closure | ThinEntry) -> str | None:
        """Call an entry point or a callback. Returns why it trapped, or None."""
        if isinstance(entry, str):
            return self._call(entry, self._arguments_address, 0)
        if isinstance(entry, ThinEntry):
            for position, value in enumerate(entry.arguments):
                self._arguments[2 * position] = value
            return self._call(entry.export, self._arguments_address, len(entry.arguments))
        self._arguments[0] = entry.function
        self._arguments[2] = entry.environment
        return self._call(CALLBACK, self._arguments_address, 2)

    def guard(self, active: bool) -> None:
        """Interrupt what runs for longer than the wall-clock limit, or stop doing so."""
        if active:
            raw.set_epoch_deadline(self._context, _EPOCH_TICKS)
        elif self._guarded:
            raw.set_epoch_deadline(self._context, _NO_DEADLINE)
        self._guarded = active

    def set_counter(self, value: int) -> None:
        self._arguments[0] = value
        self._call(SET_COUNTER, self._arguments_address, 1)

    def counter(self) -> int:
        """Instructions left; negative when the limit was passed."""
        self._call(GET_COUNTER, self._arguments_address, 1)
        value = self._arguments[0]
        return value - (1 << 64) if value >> 63 else value

    def globals(self) -> bytes:
        """Values of all mutable globals."""
        if not self._global_count:
            return b""
        self._call(GET_GLOBALS, self._globals_address, self._global_count)
        return ctypes.string_at(self._globals_address, self._globals_size)

    def set_globals(self, values: bytes) -> None:
        if self._global_count:
            ctypes.memmove(self._globals_address, values, self._globals_size)
            self._call(SET_GLOBALS, self._globals_address, self._global_count)


class Body:
    """What runs when the canister is called. Uncommitted changes are visible to later runs until
    `commit` or `rollback`."""

    def __init__(self, runtime: Runtime, module: CompiledModule | None) -> None:
        self._runtime = runtime
        self.module = module
        heap = limits.MAX_HEAP_64 if module and module.parsed.is_64 else limits.MAX_HEAP_32
        declared = module.parsed.memory if module else None
        if declared is not None and declared.maximum is not None:
            heap = min(heap, declared.maximum * limits.WASM_PAGE)
        self.memory = runtime.memories.make(max(heap, limits.WASM_PAGE))
        self.stable = StableMemory()
        self.globals: bytes | None = None
        """Committed values of the mutable globals; None until the module first ran."""
        self._instance: Instance | None = None

    def load_initial_image(self) -> None:
        """Fill the main memory as the module's data segments say."""
        assert self.module is not None
        parsed = self.module.parsed
        if parsed.memory is None:
            return
        self.memory.set_image_size(parsed.memory.minimum * limits.WASM_PAGE)
        for segment in parsed.data:
            if segment.offset is not None and segment.end > segment.start:
                self.memory.write_image(segment.offset, parsed.wasm[segment.start : segment.end])

    @property
    def has_instance(self) -> bool:
        return self._instance is not None

    def instance(self) -> Instance:
        """The living instance, made on first use. Raises `CallError`."""
        if self._instance is None:
            assert self.module is not None
            declared = self.module.parsed.memory
            if declared is not None:
                least = declared.minimum * limits.WASM_PAGE
                if self.memory.committed_size < least:
                    self.memory.set_image_size(least)
            made = Instance(self._runtime, self.module, self.memory)
            if self.globals is None:
                self.globals = self.module.shape.globals
            if self.globals is None:
                self.globals = made.globals()
            else:
                made.set_globals(self.globals)
            self._instance = made
            self._runtime.live[self] = None
        return self._instance

    def run(self, execution: Execution, entry: str | Closure, guarded: bool = False) -> int:
        """Run one entry point without committing. Returns the instructions used; sets
        `execution.error` when it trapped."""
        instance = self.instance()
        limit = execution.limit
        target: str | Closure | ThinEntry = entry
        spent = 0
        if isinstance(entry, str):
            assert self.module is not None
            thin = self.module.shape.entries.get(entry)
            if thin is not None:
                target, spent = thin, thin.instructions
        instance.set_counter(limit - spent)
        instance.guard(guarded)
        execution.instance = instance
        host = self._runtime.host
        host.execution = execution
        try:
            trap = instance.run(target)
        finally:
            host.execution = None
            execution.instance = None
        left = instance.counter()
        used = min(limit - left, limit) + execution.extra_instructions
        if trap is not None:
            if left < 0:
                execution.error = CallError(
                    ErrorCode.INSTRUCTION_LIMIT,
                    "Canister exceeded the limit of "
                    f"{limit} instructions for single message execution.",
                )
            elif execution.error is None:
                execution.error = _trap_error(trap)
        return used

    def commit(self) -> None:
        """Keep main memory, globals and stable memory as they are now."""
        instance = self._instance
        if instance is not None:
            self.memory.commit()
            self.globals = instance.globals()
        self.stable.commit()
        self._refresh_tables()

    def rollback(self) -> None:
        """Return to the last commit."""
        self.stable.rollback()
        instance = self._instance
        if instance is None:
            return
        if not self.memory.rollback():
            self.drop_instance()
        elif self.globals is not None:
            instance.set_globals(self.globals)
        self._refresh_tables()

    def _refresh_tables(self) -> None:
        # The Internet Computer makes a fresh instance per message: changes of tables are lost.
        if self.module is not None and self.module.mutates_tables:
            self.drop_instance()

    def drop_instance(self) -> None:
        """Forget the instance; the next run makes a new one from the committed state."""
        if self._instance is not None:
            self._instance = None
            self.memory.unmap_view()
            self._runtime.live.pop(self, None)

    @property
    def heap_size(self) -> int:
        return self.memory.size

    def close(self) -> None:
        self.drop_instance()
        self.memory.close()
        self.stable.close()


def _trap_error(reason: str) -> CallError:
    if reason == raw.INTERRUPTED:
        return CallError(
            ErrorCode.QUERY_TIME,
            f"Canister ran for more than {limits.QUERY_WALL_CLOCK_SECONDS:g} s in a query.",
        )
    text = "Canister trapped: " + reason.splitlines()[0] if reason else "Canister trapped"
    return CallError(ErrorCode.TRAPPED, text)
