"""The wasmtime engine of one subnet: linkers, compiled modules and the wall-clock guard."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

import wasmtime

from dcanary.replica.vm import raw
from dcanary.replica.vm.execution import Host
from dcanary.replica.vm.memory.mapped import MemoryFactory
from dcanary.replica.vm.memory_creator import MemoryCreator
from dcanary.replica.vm.system_api import host_functions
from dcanary.replica.vm.watch import NO_LIMIT_TICKS, QueryMemory
from dcanary.replica.wasm import ic0
from dcanary.replica.wasm.compiler import CompiledModule, Compiler
from dcanary.replica.wasm.config import EPOCH_SECONDS, make_config
from dcanary.wasm_binary.sections import I32

MAX_LIVE_INSTANCES = 3_000
"""Canisters with instances. Each instance takes about five of the 65,530 memory mappings that a
Linux process may have, and a canister may have three: its own and two for queries."""


class Evictable(Protocol):
    """Something with an instance that can be made again."""

    def evict(self) -> None: ...


class Runtime:
    """Owns everything of wasmtime that canisters share."""

    REARM_TICKS = 10_000

    def __init__(self, cache_dir: Path | None, portable_memory: bool = False) -> None:
        self.memories = MemoryFactory(portable_memory)
        self.creator = MemoryCreator()
        config = make_config()
        self.creator.install(config)
        self.engine = wasmtime.Engine(config)
        self.compiler = Compiler(self.engine, cache_dir)
        self.host = Host()
        self._keep: list[object] = []
        self._linkers = {
            False: self._linker(memory_64=False),
            True: self._linker(memory_64=True),
        }
        self._prepared: dict[bytes, wasmtime.InstancePre] = {}
        self._preparing = threading.Lock()
        self.query_memory = QueryMemory()
        self.closing = False
        """Whether all that runs is to be interrupted."""
        self.ticks = 0
        """Epochs so far."""
        self.live: dict[Evictable, None] = {}
        """Bodies with an instance, oldest first."""
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="replica-epoch", daemon=True)
        self._ticker.start()

    def _linker(self, memory_64: bool) -> wasmtime.Linker:
        linker = wasmtime.Linker(self.engine)
        signatures = ic0.SIGNATURES_64 if memory_64 else ic0.SIGNATURES_32
        functions = host_functions(self.host, memory_64)
        for function, signature in signatures.items():
            callback = raw.HostCallback(functions[function])
            self._keep.append(callback)
            kind = wasmtime.FuncType(
                [_value_type(code) for code in signature.params],
                [_value_type(code) for code in signature.results],
            )
            encoded = function.encode()
            error = raw.linker_define_unchecked(
                linker.ptr(), b"ic0", 3, encoded, len(encoded), kind.ptr(), callback, None,
                raw.NO_FINALIZER,
            )  # fmt: skip
            if error:
                raise RuntimeError(f"defining ic0.{function}: {raw.take_error(error)}")
        return linker

    def prepared(self, module: CompiledModule) -> wasmtime.InstancePre:
        """The module linked once, to be instantiated many times."""
        with self._preparing:
            found = self._prepared.get(module.hash)
            if found is None:
                linker = self._linkers[module.parsed.is_64]
                found = self._prepared[module.hash] = linker.instantiate_pre(module.module)
            return found

    def evict(self) -> None:
        """Drop the oldest instances beyond the limit. Called with the lock of the state."""
        for _ in range(len(self.live) - MAX_LIVE_INSTANCES):
            next(iter(self.live)).evict()

    def forget_except(self, used: set[bytes]) -> None:
        """Drop modules that no canister uses any more."""
        with self._preparing:
            for digest in [d for d in self._prepared if d not in used]:
                del self._prepared[digest]
        self.compiler.forget_except(used)

    def _tick(self) -> None:
        increment = self.engine.increment_epoch
        while not self._stop.wait(EPOCH_SECONDS):
            increment()
            self.ticks += 1

    def interrupt(self) -> None:
        """Make everything that runs trap, and all that starts later too, before `close`."""
        self.closing = True
        for _ in range(NO_LIMIT_TICKS + 1):
            self.engine.increment_epoch()

    def close(self) -> None:
        self._stop.set()
        self._ticker.join()
        self._prepared.clear()
        self.memories.close()


def _value_type(code: int) -> wasmtime.ValType:
    return wasmtime.ValType.i32() if code == I32 else wasmtime.ValType.i64()
