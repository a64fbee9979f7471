"""Child process: run `get_candid_pointer` of one module, within CPU and memory limits.

The module is a stranger's. It imports nothing that does anything, but compiling it cannot be
interrupted inside a process. Usage: `python -m … FILE`; prints one JSON line, {"did"} or {"error"}.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import wasmtime

from dcanary.candid_export import bounds

ENTRY = "get_candid_pointer"


def run(module: bytes) -> dict[str, str]:
    """Call the export and read the text that it points to: {"did"} or {"error"}."""
    engine = wasmtime.Engine(_config())
    try:
        compiled = wasmtime.Module(engine, module)
        store = wasmtime.Store(engine)
        store.set_fuel(bounds.FUEL)
        store.set_limits(
            memory_size=bounds.MAX_MEMORY_BYTES,
            table_elements=bounds.MAX_TABLE_ENTRIES,
            instances=1,
        )
        linker = wasmtime.Linker(engine)
        # ic0, and whatever else it imports: to make an interface takes none of it.
        linker.define_unknown_imports_as_traps(compiled)
        exports = linker.instantiate(store, compiled).exports(store)
        entry = exports.get(ENTRY)
        memory = exports.get("memory")
        if not isinstance(entry, wasmtime.Func) or not isinstance(memory, wasmtime.Memory):
            return {"error": f"it exports no function {ENTRY} and no memory"}
        if entry.type(store).params:
            return {"error": f"{ENTRY} takes arguments"}
        pointer = entry(store)
        if not isinstance(pointer, int):
            return {"error": f"{ENTRY} returns no pointer"}
        return _text(memory.read(store, *_bounds(pointer, memory.data_len(store))))
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        return {"error": f"{ENTRY} cannot be run: {_cause(error)}"}


def _config() -> wasmtime.Config:
    config = wasmtime.Config()
    config.consume_fuel = True
    config.wasm_memory64 = True
    config.wasm_threads = False
    config.wasm_relaxed_simd = False
    config.cranelift_nan_canonicalization = True
    # It runs once and briefly: compiling is what takes time.
    config.cranelift_opt_level = "none"
    config.max_wasm_stack = bounds.STACK_BYTES
    return config


def _bounds(pointer: int, size: int) -> tuple[int, int]:
    """Where the text is, the byte that ends it included, as far as it may be long."""
    start = pointer % (1 << 32) if pointer < 0 else pointer
    return start, min(size, start + bounds.MAX_DID_BYTES + 1)


def _text(found: Any) -> dict[str, str]:
    content = bytes(found)
    if not content:
        return {"error": f"{ENTRY} points out of its memory"}
    text, end, _ = content.partition(b"\0")
    if not end:
        return {"error": f"the text of {ENTRY} does not end within {bounds.MAX_DID_BYTES} bytes"}
    try:
        return {"did": text.decode()}
    except UnicodeDecodeError:
        return {"error": f"the text of {ENTRY} is no UTF-8"}


def _cause(error: Exception) -> str:
    """The cause that wasmtime tells, which stands last; names in it are the module's."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["unknown"]
    trap = next((line for line in lines if "wasm trap:" in line), lines[-1])
    said = trap.rpartition("wasm trap: ")[2][:300]
    return "".join(each if each.isprintable() else "?" for each in said)


def main(arguments: list[str]) -> int:
    """Run the module in a file; see the module's documentation."""
    resource.setrlimit(resource.RLIMIT_CPU, (bounds.CPU_SECONDS, bounds.CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (bounds.ADDRESS_SPACE, bounds.ADDRESS_SPACE))
    print(json.dumps(run(Path(arguments[0]).read_bytes())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
