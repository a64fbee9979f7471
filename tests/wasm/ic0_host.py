"""A tiny System API for one canister: just enough to run a built module under plain wasmtime.

Memory is not rolled back after a trap, and outgoing calls are only recorded.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import wasmtime
from wasmtime import _bindings

from dcanary.wasm_binary import sections

FUEL = 100_000_000_000
PAGE = 4096
_STACK = 5 << 20


class Trapped(Exception):
    """The canister trapped; the text is what a caller sees."""


@dataclass
class Call:
    """An outgoing call as the canister described it."""

    callee: bytes
    method: str
    reply: tuple[int, int]
    reject: tuple[int, int]
    cleanup: tuple[int, int] | None = None
    arg: bytes = b""
    cycles: int = 0
    timeout: int | None = None


@dataclass
class Outcome:
    """What one message did."""

    reply: bytes | None = None
    rejected: str | None = None
    accepted: bool = False
    logs: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    instructions: int = 0
    dirty_pages: int = 0


def new_engine() -> wasmtime.Engine:
    """An engine with fuel and a stack of the size that replicas give."""
    config = wasmtime.Config()
    config.consume_fuel = True
    _bindings.wasmtime_config_async_stack_size_set(config.ptr(), 2 * _STACK)
    config.max_wasm_stack = _STACK
    return wasmtime.Engine(config)


def with_table(wasm: bytes) -> bytes:
    """Export the function table, as a replica does before it runs a module."""
    parts = list(sections.sections(wasm))
    at = next(i for i, part in enumerate(parts) if part.id == sections.EXPORT)
    table = sections.Export("table", sections.KIND_TABLE, 0)
    rows = sections.read_exports(parts[at].body)
    parts[at] = sections.write_exports([*rows, table])
    return sections.join(parts)


class Host:
    """Runs messages of one canister. Its attributes are what the System API answers."""

    def __init__(self, engine: wasmtime.Engine, module: wasmtime.Module) -> None:
        self.time = 1_800_000_000_000_000_000
        self.stable = bytearray()
        self.stable_limit = 16
        self.arg = b""
        self.caller = b"\x04"
        self.reject = (0, "")
        self.balance = 5 << 100
        self.available = 3 << 70
        self.refunded = 7
        self.certified = b""
        self.certificate: bytes | None = b"certificate"
        self.timer = 0
        self.outcome = Outcome()
        self._trap_text: str | None = None
        self._call: Call | None = None
        self._buffer = b""
        self.store = wasmtime.Store(engine)
        self.store.set_limits(memory_size=256 << 20)
        linker = wasmtime.Linker(engine)
        functions = self._functions()
        for row in module.imports:
            assert row.module == "ic0", row.module
            assert isinstance(row.type, wasmtime.FuncType)
            linker.define_func("ic0", row.name or "", row.type, functions[row.name or ""])
        self.exports: Any = linker.instantiate(self.store, module).exports(self.store)

    def message(self, name: str, arg: bytes = b"") -> Outcome:
        """Run one exported function and return what it did. Raises Trapped."""
        self.arg = arg
        return self._run(lambda: self.exports[name](self.store))

    def callback(self, target: tuple[int, int], arg: bytes = b"") -> Outcome:
        """Run a callback: (index in the function table, environment). Raises Trapped."""
        self.arg = arg
        function = self.exports["table"].get(self.store, target[0])
        return self._run(lambda: function(self.store, target[1]))

    def memory(self) -> bytes:
        memory = self.exports["memory"]
        base = ctypes.addressof(memory.data_ptr(self.store).contents)
        return ctypes.string_at(base, memory.data_len(self.store))

    def _run(self, function: Callable[[], Any]) -> Outcome:
        self.outcome, self._trap_text, self._buffer = Outcome(), None, b""
        self.store.set_fuel(FUEL)
        before = self.memory()
        try:
            function()
        except (wasmtime.WasmtimeError, wasmtime.Trap, Trapped) as error:
            text = self._trap_text
            raise Trapped(str(error) if text is None else text) from None
        self.outcome.instructions = FUEL - self.store.get_fuel()
        after = self.memory()
        self.outcome.dirty_pages = sum(
            before[at : at + PAGE] != after[at : at + PAGE] for at in range(0, len(after), PAGE)
        )
        return self.outcome

    def _read(self, at: int, size: int) -> bytes:
        return bytes(self.exports["memory"].read(self.store, at, at + size))

    def _write(self, at: int, data: bytes) -> None:
        self.exports["memory"].write(self.store, data, at)

    def _functions(self) -> dict[str, Callable[..., Any]]:
        found: dict[str, Callable[..., Any]] = {
            "debug_print": lambda at, size: self.outcome.logs.append(self._read(at, size).decode()),
            "trap": self._trap,
            "msg_reply_data_append": self._append,
            "msg_reply": self._reply,
            "msg_reject": self._reject,
            "msg_reject_code": lambda: self.reject[0],
            "msg_deadline": lambda: 0,
            "accept_message": self._accept,
            "msg_cycles_available128": lambda at: self._write_u128(at, self.available),
            "msg_cycles_refunded128": lambda at: self._write_u128(at, self.refunded),
            "msg_cycles_accept128": self._accept_cycles,
            "canister_cycle_balance128": lambda at: self._write_u128(at, self.balance),
            "canister_status": lambda: 1,
            "canister_version": lambda: 42,
            "call_new": self._call_new,
            "call_on_cleanup": self._call_on_cleanup,
            "call_with_best_effort_response": self._call_timeout,
            "call_data_append": self._call_data,
            "call_cycles_add128": self._call_cycles,
            "call_perform": self._call_perform,
            "stable64_size": lambda: len(self.stable) >> 16,
            "stable64_grow": self._stable_grow,
            "stable64_read": lambda at, off, n: self._write(at, bytes(self.stable[off : off + n])),
            "stable64_write": self._stable_write,
            "certified_data_set": self._certify,
            "data_certificate_present": lambda: int(self.certificate is not None),
            "time": lambda: self.time,
            "global_timer_set": self._set_timer,
            "performance_counter": lambda kind: 1000 + kind,
            "is_controller": lambda at, size: int(self._read(at, size) == self.caller),
            "in_replicated_execution": lambda: 1,
        }
        blobs: dict[str, Callable[[], bytes]] = {
            "msg_arg_data": lambda: self.arg,
            "msg_caller": lambda: self.caller,
            "msg_reject_msg": lambda: self.reject[1].encode(),
            "msg_method_name": lambda: b"method",
            "canister_self": lambda: b"\0\0\0\0\0\0\0\x07\x01\x01",
            "data_certificate": lambda: self.certificate or b"",
        }
        for name, blob in blobs.items():
            found[f"{name}_size"] = lambda blob=blob: len(blob())
            found[f"{name}_copy"] = lambda at, off, size, blob=blob: self._write(
                at, blob()[off : off + size]
            )
        return found

    def _trap(self, at: int, size: int) -> None:
        self._trap_text = self._read(at, size).decode()
        raise Trapped(self._trap_text)

    def _append(self, at: int, size: int) -> None:
        self._buffer += self._read(at, size)

    def _reply(self) -> None:
        assert self.outcome.reply is None
        self.outcome.reply = self._buffer

    def _reject(self, at: int, size: int) -> None:
        self.outcome.rejected = self._read(at, size).decode()

    def _accept(self) -> None:
        self.outcome.accepted = True

    def _write_u128(self, at: int, value: int) -> None:
        self._write(at, value.to_bytes(16, "little"))

    def _accept_cycles(self, high: int, low: int, at: int) -> None:
        most = (high & (1 << 64) - 1) << 64 | (low & (1 << 64) - 1)
        self._write_u128(at, min(most, self.available))

    def _call_new(self, callee: int, n: int, name: int, m: int, *targets: int) -> None:
        reply, reject = targets[:2], targets[2:]
        self._call = Call(
            self._read(callee, n),
            self._read(name, m).decode(),
            (reply[0] & 0xFFFFFFFF, reply[1] & 0xFFFFFFFF),
            (reject[0] & 0xFFFFFFFF, reject[1] & 0xFFFFFFFF),
        )

    def _call_on_cleanup(self, function: int, environment: int) -> None:
        assert self._call is not None
        self._call.cleanup = (function, environment)

    def _call_timeout(self, seconds: int) -> None:
        assert self._call is not None and self._call.timeout is None
        self._call.timeout = seconds

    def _call_data(self, at: int, size: int) -> None:
        assert self._call is not None
        self._call.arg += self._read(at, size)

    def _call_cycles(self, high: int, low: int) -> None:
        assert self._call is not None
        self._call.cycles += (high & (1 << 64) - 1) << 64 | (low & (1 << 64) - 1)

    def _call_perform(self) -> int:
        assert self._call is not None
        self.outcome.calls.append(self._call)
        self._call = None
        return 0

    def _stable_grow(self, pages: int) -> int:
        old = len(self.stable) >> 16
        if old + pages > self.stable_limit:
            return -1
        self.stable.extend(bytes(pages << 16))
        return old

    def _stable_write(self, offset: int, at: int, size: int) -> None:
        self.stable[offset : offset + size] = self._read(at, size)

    def _certify(self, at: int, size: int) -> None:
        self.certified = self._read(at, size)

    def _set_timer(self, timestamp: int) -> int:
        old, self.timer = self.timer, timestamp
        return old
