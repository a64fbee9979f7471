"""The canister of the engine's measurements, on an engine in memory and in bare wasmtime."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import wasmtime

from dcanary.replica.api import Ingress, Reply
from dcanary.replica.engine import Options, ReplicaEngine
from dcanary.replica.engine.management import types
from dcanary.replica.opening import open_engine

USER = b"\x04"
BATCH = 500
BATCHES = 12
TIGHT = 300_000_000
"""Rounds of a loop of ten instructions, the dearest to count: two checks in each."""
HEAVY = 30_000_000
"""Rounds of a hash loop of a hundred instructions, as compilers make them."""
BUSY = 1_500_000_000
"""Rounds of the tight loop in the message that keeps one canister busy: a second and more."""

MODULE = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (memory 16)
  (global $sum (mut i64) (i64.const 0))
  (func $work (param $left i32)
    (loop $again
      (global.set $sum (i64.add (global.get $sum)
        (i64.load8_u (i32.and (local.get $left) (i32.const 65535)))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left))))
  (func $hash (param $left i32)
    (local $a i32) (local $b i32)
    (loop $again
      %MIX%
      (i32.store (i32.and (local.get $b) (i32.const 65532)) (local.get $a))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left))))
  (func $inc
    (call $copy (i32.const 64) (i32.const 0) (call $size))
    (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (i64.const 1)))
    (call $append (i32.const 8) (i32.const 8)) (call $reply))
  (func (export "canister_update inc") (call $inc))
  (func (export "canister_query get")
    (call $append (i32.const 8) (i32.const 8)) (call $reply))
  (func (export "canister_update tight") (call $work (i32.const %TIGHT%)) (call $reply))
  (func (export "canister_update heavy") (call $hash (i32.const %HEAVY%)) (call $reply))
  (func (export "canister_update busy") (call $work (i32.const %BUSY%)) (call $reply)))
"""


STEP = """
      (local.set $a (i32.xor (local.get $a)
        (i32.load (i32.and (i32.add (local.get $b) (i32.const {0})) (i32.const 65532)))))
      (local.set $b (i32.add (i32.rotl (local.get $b) (i32.const {0}))
        (i32.mul (local.get $a) (i32.const 0x9e3779b1))))"""


def module() -> bytes:
    """The canister of all measurements."""
    text = MODULE.replace("%MIX%", "".join(STEP.format(4 * number) for number in range(6)))
    for name, value in (("TIGHT", TIGHT), ("HEAVY", HEAVY), ("BUSY", BUSY)):
        text = text.replace(f"%{name}%", str(value))
    return bytes(wasmtime.wat2wasm(text))


class Subnet:
    """An engine in memory with canisters of one module."""

    def __init__(self, folder: Path, wasm: bytes) -> None:
        self.engine: ReplicaEngine = open_engine(None, cache_dir=folder, options=Options())
        self._wasm = wasm
        self._sent = 0

    def message(self, canister: bytes, method: str, arg: bytes = b"") -> Ingress:
        self._sent += 1
        request_id = self._sent.to_bytes(32, "big")
        return Ingress(request_id, USER, canister, method, arg, self.engine.now() + 10**15)

    def call(self, canister: bytes, method: str, arg: bytes = b"") -> bytes:
        """Send an update and run rounds until it is answered."""
        message = self.message(canister, method, arg)
        refused = self.engine.submit(message)
        if refused is not None:
            raise AssertionError(refused)
        while True:
            self.engine.execute_round()
            status = self.engine.request_status(message.request_id)
            if status is not None and status.result is not None:
                if not isinstance(status.result, Reply):
                    raise AssertionError(status.result)
                return status.result.data

    def install(self) -> bytes:
        """Make a canister; returns its id."""
        wanted = {
            "amount": 10**18,
            "settings": None,
            "specified_id": None,
            "sender_canister_version": None,
        }
        create = types.PROVISIONAL_CREATE.encode((wanted,))
        answer = self.call(b"", "provisional_create_canister_with_cycles", create)
        canister: bytes = types.CANISTER_ID.decode(answer)[0]["canister_id"]
        arg = {
            "mode": {"install": None},
            "canister_id": canister,
            "wasm_module": self._wasm,
            "arg": b"",
            "sender_canister_version": None,
        }
        self.call(b"", "install_code", types.INSTALL_CODE.encode((arg,)))
        return canister


class Bare:
    """The same module in wasmtime, with host functions that do nothing."""

    def __init__(self, wasm: bytes) -> None:
        engine = wasmtime.Engine()
        self._store = wasmtime.Store(engine)
        linker = wasmtime.Linker(engine)
        code = wasmtime.Module(engine, wasm)
        for item in code.imports:
            kind = item.type
            assert isinstance(kind, wasmtime.FuncType) and item.name is not None
            result = 0 if kind.results else None
            linker.define_func(item.module, item.name, kind, lambda *_, given=result: given)
        self._exports = linker.instantiate(self._store, code).exports(self._store)

    def call(self, method: str) -> None:
        function = self._exports[f"canister_update {method}"]
        assert isinstance(function, wasmtime.Func)
        function(self._store)

    def updates(self) -> float:
        """CPU seconds per small call."""

        def batch() -> None:
            for _ in range(BATCH):
                self.call("inc")

        return min(cpu_seconds(batch) for _ in range(BATCHES)) / BATCH

    def computing(self, method: str) -> float:
        """CPU seconds of a call that only computes."""
        return min(cpu_seconds(lambda: self.call(method)) for _ in range(3))


def cpu_seconds(action: Callable[[], object]) -> float:
    """Processor time of this process that an action takes."""
    begun = time.process_time()
    action()
    return time.process_time() - begun
