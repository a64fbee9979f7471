"""Small canisters for pipelines to deploy: a counter in stable memory, in text that is assembled.

`get` and `inc` answer a nat64; the count lives in the first word of stable memory, so that it
survives upgrades. Assembling is deterministic.
"""

from __future__ import annotations

import base64

import wasmtime

_REPLY = r'"\44\49\44\4c\00\01\78"'
"""Candid `(nat64)` up to its value: DIDL, no types, one value of type nat64 (0x78)."""

_COUNTER = r"""
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (memory 1)
  (data (i32.const 0) %(reply)s)
  (func $load (call $read (i64.const 16) (i64.const 0) (i64.const 8)))
  (func $answer
    (i64.store align=1 (i32.const 7) (i64.load (i32.const 16)))
    (call $append (i32.const 0) (i32.const 15))
    (call $reply))
  (func (export "canister_init") (drop (call $grow (i64.const 1))))
  (func (export "canister_query get") (call $load) (call $answer))
  (func (export "canister_update inc")
    (call $load)
    (i64.store (i32.const 16) (i64.add (i64.load (i32.const 16)) (i64.const %(step)d)))
    (call $write (i64.const 0) (i64.const 16) (i64.const 8))
    (call $answer))
  %(more)s
  (@custom "icp:public candid:service"
    "service : { get : () -> (nat64) query; inc : () -> (nat64) }")
)
"""

_TRAPPING_UPGRADE = r"""
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (data (i32.const 100) "this version cannot take over")
  (func (export "canister_post_upgrade") (call $trap (i32.const 100) (i32.const 29)))
"""


def counter(step: int = 1, *, traps_after_upgrade: bool = False) -> bytes:
    """A module whose `inc` adds `step`."""
    more = _TRAPPING_UPGRADE if traps_after_upgrade else ""
    imports, _, rest = more.partition("\n  (data")
    text = _COUNTER % {"reply": _REPLY, "step": step, "more": "(data" + rest if rest else ""}
    # Imports come first in a module.
    text = text.replace("(module", f"(module {imports}", 1)
    return bytes(wasmtime.wat2wasm(text))


def as_text(module: bytes) -> str:
    """What a repository holds in place of a binary file; `base64 -d` makes the module of it."""
    return base64.encodebytes(module).decode()
