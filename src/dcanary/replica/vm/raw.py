"""Raw bindings to libwasmtime for the hot path.

The public Python API spends 3 to 9 µs per call across the border; these unchecked calls 0.2 to
0.5 µs. They rely on the C ABI of the pinned wasmtime version. Values travel in arrays of 16-byte
slots, of which 64-bit slots with even index are used.
"""

from __future__ import annotations

import ctypes
from typing import Any

from wasmtime import _ffi as ffi

_library = ctypes.CDLL(ffi.dll._name)
_quick_library = ctypes.PyDLL(ffi.dll._name)
"""For functions that return at once: the interpreter's lock is not worth being handed over."""
_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t

Slots = ctypes.POINTER(ctypes.c_uint64)
Finalizer = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
NO_FINALIZER = ctypes.cast(0, Finalizer)
HostCallback = ctypes.CFUNCTYPE(_POINTER, ctypes.c_uint8, ctypes.c_uint8, Slots)
"""(environment, caller, slots) -> trap or nothing. The first two are pointers of which nothing is
used: a byte of each is converted in half the time. wasmtime passes the number of slots as well; the
C calling conventions let the last arguments be left out."""


def _bind(name: str, result: Any, *arguments: Any, library: Any = _library) -> Any:
    function = getattr(library, name)
    function.restype = result
    function.argtypes = list(arguments)
    return function


linker_define_unchecked = _bind(
    "wasmtime_linker_define_func_unchecked",
    _POINTER,
    _POINTER,
    ctypes.c_char_p,
    _SIZE,
    ctypes.c_char_p,
    _SIZE,
    _POINTER,
    HostCallback,
    _POINTER,
    Finalizer,
)
call_unchecked = _bind(
    "wasmtime_func_call_unchecked", _POINTER, _POINTER, _POINTER, _POINTER, _SIZE, _POINTER
)
trap_new = _bind("wasmtime_trap_new", _POINTER, ctypes.c_char_p, _SIZE)
trap_code = _bind("wasmtime_trap_code", ctypes.c_bool, _POINTER, _POINTER)
trap_delete = _bind("wasm_trap_delete", None, _POINTER)
error_new = _bind("wasmtime_error_new", _POINTER, ctypes.c_char_p)
error_delete = _bind("wasmtime_error_delete", None, _POINTER)
_error_message = _bind("wasmtime_error_message", None, _POINTER, _POINTER)
export_get = _bind(
    "wasmtime_instance_export_get",
    ctypes.c_bool,
    _POINTER,
    _POINTER,
    ctypes.c_char_p,
    _SIZE,
    _POINTER,
)
instantiate_pre = _bind(
    "wasmtime_instance_pre_instantiate", _POINTER, _POINTER, _POINTER, _POINTER, _POINTER
)
global_get = _bind(
    "wasmtime_global_get", None, _POINTER, _POINTER, _POINTER, library=_quick_library
)
VALUE_OFFSET = ffi.wasmtime_val_t.of.offset
"""Where the number is in a `wasmtime_val_t`."""
EpochCallback = ctypes.CFUNCTYPE(_POINTER, _POINTER, _POINTER, Slots, _POINTER)
"""(context, data, deadline delta, kind of update) -> error or nothing."""
set_epoch_callback = _bind(
    "wasmtime_store_epoch_deadline_callback", None, _POINTER, EpochCallback, _POINTER, Finalizer
)
set_epoch_deadline = _bind(
    "wasmtime_context_set_epoch_deadline",
    None,
    _POINTER,
    ctypes.c_uint64,
    library=_quick_library,
)


def take_error(error: int | None) -> str:
    """Text of a wasmtime error, which is deleted; empty for no error."""
    if not error:
        return ""
    vector = ffi.wasm_byte_vec_t()
    _error_message(error, ctypes.byref(vector))
    text = ctypes.string_at(vector.data, vector.size).decode(errors="replace")
    ffi.wasm_byte_vec_delete(ctypes.byref(vector))
    error_delete(error)
    return text


INTERRUPTED = "interrupt"
# Traps by wasmtime's trap code, as the Internet Computer words them.
TRAP_TEXTS = {
    0: "stack overflow",
    1: "heap out of bounds",
    2: "heap misaligned",
    3: "table out of bounds",
    4: "indirect call to null",
    5: "indirect call signature mismatch",
    6: "integer overflow",
    7: "integer division by 0",
    8: "invalid conversion to integer",
    9: "unreachable",
    10: INTERRUPTED,
}
