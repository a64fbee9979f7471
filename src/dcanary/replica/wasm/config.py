"""The one wasmtime configuration; the compiling child and the engine must agree on it."""

from __future__ import annotations

import ctypes

import wasmtime
from wasmtime import _ffi as ffi

from dcanary.replica.state import limits

MEMORY_RESERVATION = limits.MAX_HEAP_64
MEMORY_GUARD = 32 * limits.MIB
EPOCH_SECONDS = 0.25
"""Period of the ticker that guards queries against running for too long."""


def make_config() -> wasmtime.Config:
    """Features the Internet Computer allows; everything that could be non-deterministic off."""
    config = wasmtime.Config()
    config.wasm_memory64 = True
    config.wasm_bulk_memory = True
    config.wasm_reference_types = True
    config.wasm_multi_value = True
    config.wasm_simd = True
    config.wasm_tail_call = True
    config.wasm_multi_memory = False
    config.wasm_threads = False
    config.wasm_relaxed_simd = False
    config.wasm_exceptions = False
    config.wasm_function_references = False
    config.wasm_gc = False
    config.wasm_wide_arithmetic = False
    config.cranelift_nan_canonicalization = True
    config.cranelift_opt_level = "speed"
    config.epoch_interruption = True
    config.memory_may_move = False
    config.memory_reservation = MEMORY_RESERVATION
    config.memory_guard_size = MEMORY_GUARD
    # The asynchronous stack must not be smaller than the wasm stack: wasmtime aborts otherwise.
    set_async_stack = ffi.dll.wasmtime_config_async_stack_size_set
    set_async_stack.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    set_async_stack.restype = None
    set_async_stack(config.ptr(), 2 * limits.WASM_STACK)
    config.max_wasm_stack = limits.WASM_STACK
    return config
