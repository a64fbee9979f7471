"""Running template A: an interpreter that is being prepared, in this process."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime import _bindings

from dcanary.wasm import _link
from dcanary.wasm._tree import Tree
from dcanary.wasm._wasi import Wasi
from dcanary.wasm.errors import BuildError, SourceError

FUEL = 40_000_000_000
"""Wasm instructions that module-level code may take: about half a minute."""

MEMORY = 512 << 20
"""Bytes of linear memory that a canister may take while it is imported."""

_STACK = 4 << 20


def new_engine() -> wasmtime.Engine:
    """Return the engine that runs template A: metered, so that a build always ends."""
    config = wasmtime.Config()
    config.consume_fuel = True
    # The engine refuses a stack above the size for asynchronous calls, which has no setter.
    _bindings.wasmtime_config_async_stack_size_set(config.ptr(), 2 * _STACK)
    config.max_wasm_stack = _STACK
    config.cranelift_nan_canonicalization = True
    return wasmtime.Engine(config)


class GuestError(Exception):
    """The boot module raised: its description of the exception."""


class Interpreter:
    """One instance of template A.

    `level` is CPython's optimisation level for the modules it compiles itself.
    """

    def __init__(
        self,
        engine: wasmtime.Engine,
        module: wasmtime.Module,
        tree: Tree,
        *,
        level: int = 2,
        output: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._store = wasmtime.Store(engine)
        self._store.set_fuel(FUEL)
        self._store.set_limits(memory_size=MEMORY)
        linker = wasmtime.Linker(engine)
        self._wasi = Wasi(self._store, tree, output)
        self._wasi.define(linker, module)
        self._instance = linker.instantiate(self._store, module)
        self._exports: Any = self._instance.exports(self._store)
        self._wasi.attach(self._instance)
        self._call(_link.START)
        self._answer(self._call("initialize", level))

    def call_boot(self, name: str, *fields: bytes) -> list[bytes]:
        """Call a function of the boot module with joined fields and split its answer.

        Raises GuestError when the boot module itself fails.
        """
        argument = b"".join(struct.pack("<I", len(item)) + item for item in fields)
        if len(fields) == 1:
            argument = fields[0]
        function = name.encode()
        at, data = self._wasi.give(function), self._wasi.give(argument)
        answer = self._answer(self._call("call-boot", at, len(function), data, len(argument)))
        items = []
        while answer:
            (size,) = struct.unpack_from("<I", answer)
            items.append(answer[4 : 4 + size])
            answer = answer[4 + size :]
        return items

    def seal(self) -> bytes:
        """Finish the preparation and return the linear memory: nothing may be called after this."""
        self._wasi.flush()
        (pages,) = struct.unpack("<I", self._answer(self._call("seal")))
        return self._wasi.take(0, pages << 16)

    def global_value(self, index: int) -> int:
        """Return the present value of mutable global number `index`."""
        return int(self._exports[_link.global_export(index)].value(self._store))

    def fuel_used(self) -> int:
        """Return the wasm instructions executed so far."""
        return FUEL - self._store.get_fuel()

    def _call(self, name: str, *arguments: int) -> int:
        try:
            return int(self._exports[name](self._store, *arguments) or 0) & 0xFFFFFFFF
        except wasmtime.Trap as trap:
            if trap.trap_code == wasmtime.TrapCode.OUT_OF_FUEL:
                raise SourceError(
                    f"module-level code ran for more than {FUEL:,} instructions; "
                    "move the work into a method"
                ) from None
            raise BuildError(f"the interpreter stopped while building: {trap.message}") from None

    def _answer(self, at: int) -> bytes:
        failed, data, size = struct.unpack("<III", self._wasi.take(at, 12))
        content = self._wasi.take(data, size)
        if failed:
            raise GuestError(content.decode(errors="replace"))
        return content
