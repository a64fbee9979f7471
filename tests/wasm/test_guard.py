from __future__ import annotations

from typing import Any

import pytest
import wasmtime

from dcanary.wasm import ToolError, _guard

LIBRARY = """
(module
  (import "env" "other" (global i32))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (import "env" "seen" (func $seen (param i32)))
  (func $deep (export "deep") (param $n i32) (param $value i64) (result i64)
    (call $seen (global.get $sp))
    (if (result i64) (local.get $n)
      (then (call $deep (i32.sub (local.get $n) (i32.const 1)) (local.get $value)))
      (else (local.get $value))))
  (func (export "unguarded") (call $seen (global.get $sp)))
  (table 1 funcref)
  (elem (i32.const 0) $deep))
"""


def test_each_level_of_a_guarded_function_takes_a_piece_of_the_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_guard, "RECURSIVE", {"deep": 48})
    module = _guard.guard_recursion(bytes(wasmtime.wat2wasm(LIBRARY)))
    store = wasmtime.Store()
    seen: list[int] = []
    kind = wasmtime.GlobalType(wasmtime.ValType.i32(), True)
    pointer = wasmtime.Global(store, kind, wasmtime.Val.i32(1000))
    constant = wasmtime.GlobalType(wasmtime.ValType.i32(), False)
    other = wasmtime.Global(store, constant, wasmtime.Val.i32(0))
    note = wasmtime.Func(store, wasmtime.FuncType([wasmtime.ValType.i32()], []), seen.append)
    compiled = wasmtime.Module(store.engine, module)
    exports: Any = wasmtime.Instance(store, compiled, [other, pointer, note]).exports(store)
    assert exports["deep"](store, 2, 1 << 40) == 1 << 40
    assert seen == [952, 904, 856]
    assert pointer.value(store) == 1000
    exports["unguarded"](store)
    assert seen[-1] == 1000


def test_a_function_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "RECURSIVE", {"absent": 48})
    with pytest.raises(ToolError, match="no function absent; componentize-py has changed"):
        _guard.guard_recursion(bytes(wasmtime.wat2wasm(LIBRARY)))
