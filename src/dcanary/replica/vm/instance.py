"""One instance of a module in its own store, and running its entry points."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi

from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, EngineError, ErrorCode
from dcanary.replica.state.records import Closure
from dcanary.replica.vm import raw
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.memory.linear import LinearMemory
from dcanary.replica.vm.runtime import Runtime
from dcanary.replica.vm.watch import NO_LIMIT_TICKS, Watch, Written, epoch_callback
from dcanary.replica.wasm.compiler import CompiledModule
from dcanary.replica.wasm.config import EPOCH_SECONDS
from dcanary.replica.wasm.rewrite import (
    CALLBACK,
    COUNTER,
    GET_GLOBALS,
    MAX_RETURNED_GLOBALS,
    RUN,
    SET_GLOBALS,
)

_SLOT = 16
"""Bytes of one value in an unchecked call."""
_MAX_ARGUMENTS = 8
_Call = Callable[[], int | None]
"""Returns an error."""
QUERY_TICKS = int(limits.QUERY_WALL_CLOCK_SECONDS / EPOCH_SECONDS) + 1


class Instance:
    """One wasmtime store with the module's instance in it. Used by one thread at a time."""

    def __init__(
        self,
        runtime: Runtime,
        module: CompiledModule,
        memory: LinearMemory,
        watch: Watch | None = None,
    ) -> None:
        """`watch` is that of an instance for queries. Raises `CallError`."""
        self._runtime = runtime
        self._watch = watch
        self._module = module
        self.store = wasmtime.Store(runtime.engine)
        self.store.set_limits(
            memory_size=-1,
            table_elements=limits.MAX_TABLE_ELEMENTS,
            instances=2,
            tables=64,
            memories=2,
        )
        self.context = ctypes.cast(self.store._context(), ctypes.c_void_p).value
        if watch is not None:
            self._callback = epoch_callback(watch, lambda: runtime.closing)
            raw.set_epoch_callback(self.store.ptr(), self._callback, None, raw.NO_FINALIZER)
        self._armed_at = 0
        self._arm_without_limit()
        self._functions: dict[str, _Call] = {}
        self._instance = ffi.wasmtime_instance_t()
        self._trap = ctypes.c_void_p()
        self._entries: dict[str, tuple[_Call, tuple[int, ...], int]] = {}
        """Entry point -> what runs it, arguments, instructions of the entry itself."""
        runtime.creator.announce(memory if module.parsed.memories else None)
        error = raw.instantiate_pre(
            runtime.prepared(module).ptr(),
            self.context,
            ctypes.byref(self._instance),
            ctypes.byref(self._trap),
        )
        runtime.creator.announce(None)
        if self._trap.value:
            raw.trap_delete(self._trap.value)
            self._trap.value = None
            raise CallError(ErrorCode.INVALID_WASM, "The module traps while it is instantiated.")
        if error:
            text = " ".join(raw.take_error(error).split())
            raise CallError(ErrorCode.INVALID_WASM, f"The module cannot be instantiated: {text}")
        count = len(module.parsed.mutable_globals())
        self._global_count = count
        self._returns_globals = count <= MAX_RETURNED_GLOBALS
        self._slots = max(1 + count, _MAX_ARGUMENTS)
        """Room for arguments and results of any call."""
        self._values = (ctypes.c_int64 * (2 * self._slots))()
        """Arguments and results of all calls."""
        self._globals_size = _SLOT * count
        self._returned_globals = memoryview(self._values).cast("B")[_SLOT : _SLOT * (1 + count)]
        """The globals after the counter, as a run returns them."""
        self.known_globals: bytes | None = b"" if count == 0 else None
        """Values of the globals, where the host knows them."""
        self._counter = self._export(COUNTER, ffi.WASMTIME_EXTERN_GLOBAL.value).global_
        self._counter = ffi.wasmtime_global_t.from_buffer_copy(self._counter)
        self._counter_value = ffi.wasmtime_val_t()
        self._counter_number = ctypes.c_int64.from_buffer(self._counter_value, raw.VALUE_OFFSET)
        self._get_counter = functools.partial(
            raw.global_get,
            ctypes.c_void_p(self.context),
            ctypes.byref(self._counter),
            ctypes.byref(self._counter_value),
        )

    def _function(self, name: str) -> _Call:
        """Return an exported function, ready to be called with `_values`. Raises EngineError."""
        found = self._functions.get(name)
        if found is None:
            item = self._export(name, ffi.WASMTIME_EXTERN_FUNC.value)
            # Arguments that are converted once save a third of a call across the border.
            found = self._functions[name] = functools.partial(
                raw.call_unchecked,
                ctypes.c_void_p(self.context),
                ctypes.byref(ffi.wasmtime_func_t.from_buffer_copy(item.func)),
                ctypes.byref(self._values),
                ctypes.c_size_t(self._slots),
                ctypes.byref(self._trap),
            )
        return found

    def _export(self, name: str, kind: int) -> Any:
        """Return an export's part of the union. Raises EngineError."""
        item: Any = ffi.wasmtime_extern_t()
        encoded = name.encode()
        target = ctypes.byref(self._instance)
        found = raw.export_get(self.context, target, encoded, len(encoded), ctypes.byref(item))
        if not found or item.kind != kind:
            raise EngineError(f"the compiled module does not export {name}")
        return item.of

    def _why(self, error: int | None) -> str:
        """Return why a call failed, by the error that it returned or the trap that it left."""
        trap = self._trap.value
        if trap:
            self._trap.value = None
            code = ctypes.c_uint8(255)
            raw.trap_code(trap, ctypes.addressof(code))
            raw.trap_delete(trap)
            return raw.TRAP_TEXTS.get(code.value, f"trap {code.value}")
        return raw.take_error(error)

    def _help(self, name: str) -> None:
        """Call one of the rewriter's own functions, which cannot fail. Raises EngineError."""
        error = self._function(name)()
        if error or self._trap.value:
            raise EngineError(f"{name} failed in a canister's instance: {self._why(error)}")

    def _prepare(self, entry: str) -> tuple[_Call, tuple[int, ...], int]:
        thin = self._module.shape.entries.get(entry)
        name, spent = entry, 0
        arguments: tuple[int, ...] = ()
        if thin is not None:
            name, arguments, spent = thin.export, thin.arguments, thin.instructions
        found = self._entries[entry] = (self._function(RUN + name), arguments, spent)
        return found

    # Limits --------------------------------------------------------------------------------

    def _arm_without_limit(self) -> None:
        raw.set_epoch_deadline(self.context, NO_LIMIT_TICKS)
        self._armed_at = self._runtime.ticks

    def run(
        self, execution: Execution, entry: str | Closure, written: Written | None = None
    ) -> int:
        """Run an entry point; returns the instructions used. Sets `execution.error` on a trap.

        With `written`, it is interrupted after the time that a query may take, or when it has
        written more than it may.
        """
        runtime = self._runtime
        # The deadline comes first: no call into the store works while an old one has passed.
        watch = None if written is None else self._watch
        if watch is not None and written is not None:
            watch.begin(QUERY_TICKS, written)
            execution.watch = watch
            raw.set_epoch_deadline(self.context, 1)
        elif runtime.ticks - self._armed_at > runtime.REARM_TICKS:
            self._arm_without_limit()
        values, limit = self._values, execution.limit
        if isinstance(entry, str):
            function, arguments, spent = self._entries.get(entry) or self._prepare(entry)
            values[0] = limit - spent
            if arguments:
                for position, value in enumerate(arguments, 1):
                    values[2 * position] = value
        else:
            function = self._function(RUN + CALLBACK)
            values[0] = limit
            values[2], values[4] = entry.function, entry.environment
        if self._global_count:
            self.known_globals = None
        host = runtime.host
        execution.instance = self
        host.execution = execution
        try:
            error = function()
        finally:
            host.execution = None
            execution.instance = None
            if watch is not None:
                watch.end()
                self._arm_without_limit()
        if error or self._trap.value:
            left = self.counter()
            _explain(execution, self._why(error), left)
        else:
            left = values[0]
            if self._returns_globals and self._global_count:
                self.known_globals = self._returned_globals.tobytes()
        return (limit - left if left > 0 else limit) + execution.extra_instructions

    # State that is not in the memory ---------------------------------------------------------

    def counter(self) -> int:
        """Instructions left; negative when the limit was passed."""
        self._get_counter()
        return self._counter_number.value

    def globals(self) -> bytes:
        """Values of all mutable globals."""
        if self.known_globals is None:
            self._help(GET_GLOBALS)
            self.known_globals = ctypes.string_at(self._values, self._globals_size)
        return self.known_globals

    def set_globals(self, values: bytes) -> None:
        """Set all mutable globals."""
        if values != self.known_globals:
            ctypes.memmove(self._values, values, self._globals_size)
            self._help(SET_GLOBALS)
            self.known_globals = values


def _explain(execution: Execution, trap: str, left: int) -> None:
    """Set the error of a run that trapped with so many instructions left."""
    if left < 0:
        execution.error = CallError(
            ErrorCode.INSTRUCTION_LIMIT,
            "Canister exceeded the limit of "
            f"{execution.limit} instructions for single message execution.",
        )
    elif execution.error is None:
        watch = execution.watch
        interrupted = None if watch is None else watch.error
        execution.error = interrupted or _trap_error(trap)


def _trap_error(reason: str) -> CallError:
    if raw.INTERRUPTED in reason:
        return CallError(ErrorCode.QUERY_TIME, "Canister was interrupted: the network stops.")
    text = "Canister trapped: " + reason.splitlines()[0] if reason else "Canister trapped"
    return CallError(ErrorCode.TRAPPED, text)
