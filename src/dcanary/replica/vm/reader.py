"""A second instance of a canister on a snapshot of its committed state, for queries."""

from __future__ import annotations

import ctypes

from dcanary.replica.state import limits
from dcanary.replica.state.records import Closure
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.instance import Instance
from dcanary.replica.vm.memory.linear import Snapshot
from dcanary.replica.vm.memory.stable import StableSnapshot
from dcanary.replica.vm.runtime import Runtime
from dcanary.replica.vm.watch import Watch
from dcanary.replica.wasm.compiler import CompiledModule

_MUCH = 16 * limits.MIB
_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Of the C library of GNU only."""


class Reader:
    """Sees the state of the moment of `begin` until `end`, whatever is committed in between.

    What it changes itself is seen by its later runs and lost with `end`. `begin`, `end` and `close`
    are called with the lock of the subnet's state, `run` without.
    """

    def __init__(self, runtime: Runtime, module: CompiledModule, memory: Snapshot) -> None:
        self._runtime = runtime
        self._module = module
        self.memory = memory
        self.stable: StableSnapshot | None = None
        self._instance: Instance | None = None
        self._watch = Watch(runtime.query_memory, lambda: runtime.ticks)

    def begin(self, values: bytes, stable: StableSnapshot) -> None:
        """Take the committed state: globals, stable memory and main memory. Raises `CallError`."""
        self.stable = stable
        if not self.memory.begin():
            self._drop_instance()
        if self._instance is None:
            self._instance = Instance(self._runtime, self._module, self.memory, self._watch)
        self._instance.set_globals(values)

    def run(self, execution: Execution, entry: str | Closure, wall_clock: bool = True) -> int:
        """Run an entry point, by default within a query's limit of time.

        Returns the instructions used; sets `execution.error` when it trapped.
        """
        assert self._instance is not None
        return self._instance.run(execution, entry, self._written if wall_clock else None)

    def _written(self) -> int:
        """Bytes of main and stable memory that this reader's runs have written."""
        return self.memory.written() + (0 if self.stable is None else self.stable.written())

    def end(self) -> bool:
        """Let go of the snapshot; returns whether the reader can be used again."""
        written = 0
        if self.stable is not None:
            written = self.stable.written()
            self.stable.close()
            self.stable = None
        again = self.memory.end()
        if self._watch.ticked:
            self._watch.ticked = False
            self.memory.give_back_zeros()
            if written > _MUCH and _malloc_trim is not None:
                _malloc_trim(0)  # what was freed in small pieces stays with the process otherwise
        return again

    def _drop_instance(self) -> None:
        self._instance = None
        self.memory.unmap_view()

    def close(self) -> None:
        """Release everything."""
        if self.stable is not None:
            self.stable.close()
            self.stable = None
        self._drop_instance()
        self.memory.close()
