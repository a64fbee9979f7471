"""The last check of a module: it is valid with exactly the features of the Internet Computer."""

from __future__ import annotations

from functools import cache

import wasmtime

from dcanary.wasm.errors import BuildError
from dcanary.wasm_binary import sections


@cache
def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_threads = False
    config.wasm_tail_call = False
    config.wasm_multi_memory = False
    config.wasm_memory64 = False
    config.wasm_relaxed_simd = False
    config.wasm_exceptions = False
    config.wasm_function_references = False
    config.wasm_gc = False
    config.wasm_wide_arithmetic = False
    return wasmtime.Engine(config)


def check_module(module: bytes) -> None:
    """Raise BuildError unless `module` is valid, imports only ic0 and has no start function.

    The engine knows no switch for constant expressions with additions; the snapshot writes single
    constants, which reading them back shows.
    """
    try:
        wasmtime.Module.validate(_engine(), module)
    except wasmtime.WasmtimeError as error:
        raise BuildError(f"the build made an invalid module: {error}") from None
    imports = sections.read_imports(sections.find(module, sections.IMPORT) or b"\0")
    if foreign := {row.module for row in imports} - {"ic0"}:
        raise BuildError(f"the build made a module that imports {', '.join(sorted(foreign))}")
    if sections.find(module, sections.START) is not None:
        raise BuildError("the build made a module with a start function")
