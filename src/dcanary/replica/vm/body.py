"""The executable part of a canister: module, memories, globals and the living instance."""

from __future__ import annotations

from dcanary.replica.state import limits
from dcanary.replica.state.records import Closure
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.instance import Instance
from dcanary.replica.vm.memory.stable import StableMemory
from dcanary.replica.vm.reader import Reader
from dcanary.replica.vm.runtime import Runtime
from dcanary.replica.wasm.compiler import CompiledModule

INSPECT_MESSAGE = "canister_inspect_message"
_IDLE_READERS = 2


class Body:
    """What runs when the canister is called. Uncommitted changes are visible to later runs until
    `commit` or `rollback`.

    `run` may go on in one thread while another, which holds the lock of the subnet's state, opens
    and closes readers; `commit`, `rollback` and everything else are for the one with the lock.
    """

    def __init__(self, runtime: Runtime, module: CompiledModule | None) -> None:
        self._runtime = runtime
        self.module = module
        self.is_64 = module is not None and module.parsed.is_64
        self.inspects = module is not None and module.exports(INSPECT_MESSAGE)
        """Whether ingress messages are shown to the module before they are let in."""
        self._fresh_tables = module is not None and module.mutates_tables
        """The Internet Computer makes an instance per message: changes of tables are lost."""
        self.module_size = len(module.parsed.wasm) if module else 0
        """Bytes, uncompressed."""
        heap = limits.MAX_HEAP_64 if module and module.parsed.is_64 else limits.MAX_HEAP_32
        declared = module.parsed.memory if module else None
        if declared is not None and declared.maximum is not None:
            heap = min(heap, declared.maximum * limits.WASM_PAGE)
        self.memory = runtime.memories.make(max(heap, limits.WASM_PAGE))
        self.stable = StableMemory()
        self.globals: bytes | None = None
        """Committed values of the mutable globals; None until the module first ran."""
        self.update_entries: dict[str, tuple[str, int]] = {}
        """Method -> entry point and context, of methods that were called."""
        self._uncommitted = False
        self._instance: Instance | None = None
        self._readers: list[Reader] = []
        self._closed = False

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

    def run(self, execution: Execution, entry: str | Closure) -> int:
        """Run one entry point without committing. Returns the instructions used; sets
        `execution.error` when it trapped."""
        self._uncommitted = True
        return (self._instance or self.instance()).run(execution, entry)

    def commit(self) -> None:
        """Keep main memory, globals and stable memory as they are now."""
        instance = self._instance
        if instance is not None:
            self.memory.commit()
            self.globals = instance.known_globals or instance.globals()
        self.stable.commit()
        self._uncommitted = False
        if self._fresh_tables:
            self.drop_instance()

    def rollback(self) -> None:
        """Return to the last commit."""
        self.stable.rollback()
        self._uncommitted = False
        instance = self._instance
        if instance is None:
            return
        if not self.memory.rollback():
            self.drop_instance()
        elif self.globals is not None:
            instance.set_globals(self.globals)
        if self._fresh_tables:
            self.drop_instance()

    def drop_instance(self) -> None:
        """Forget the instances; the next run makes a new one from the committed state."""
        while self._readers:
            self._readers.pop().close()
        if self._instance is not None:
            self._instance = None
            self.memory.unmap_view()
        self._runtime.live.pop(self, None)

    def evict(self) -> None:
        """Drop the instances to make room, unless what they hold is not committed."""
        if self._uncommitted:
            self._runtime.live[self] = self._runtime.live.pop(self, None)
        else:
            self.drop_instance()

    # Queries -------------------------------------------------------------------------------

    def open_reader(self) -> Reader:
        """Return an instance on the committed state as it is now. Raises `CallError`."""
        assert self.module is not None
        if self.globals is None:
            self.instance()  # its globals become the committed ones
        assert self.globals is not None
        reader = self._readers.pop() if self._readers else None
        if reader is None:
            reader = Reader(self._runtime, self.module, self.memory.snapshot())
            self._runtime.live.setdefault(self)
        try:
            reader.begin(self.globals, self.stable.snapshot())
        except BaseException:
            reader.close()
            raise
        return reader

    def close_reader(self, reader: Reader) -> None:
        """Take a reader back, to be used for the next query of the canister."""
        assert self.module is not None
        again = reader.end() and not self._closed and not self._fresh_tables
        if again and len(self._readers) < _IDLE_READERS:
            self._readers.append(reader)
        else:
            reader.close()

    @property
    def heap_size(self) -> int:
        return self.memory.size

    def close(self) -> None:
        """Release everything. Open readers stay usable until they are closed."""
        self._closed = True
        self.drop_instance()
        self.memory.close()
        self.stable.close()
