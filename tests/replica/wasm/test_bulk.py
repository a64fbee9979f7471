"""Filling and copying memory in pieces does what the instructions do, and costs the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import wasmtime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcanary.replica.wasm import bulk
from dcanary.replica.wasm.rewrite import COUNTER, RUN, rewrite
from dcanary.wasm_binary.module import parse

SIZE = 3 * 65_536
MODULE = """
(module
  (memory (export "memory") {width} 3)
  (func (export "canister_update fill") (memory.fill ({const} {a}) (i32.const 7) ({const} {n})))
  (func (export "canister_update copy") (memory.copy ({const} {a}) ({const} {b}) ({const} {n}))))
"""
BUDGET = 1 << 40
edges = st.sampled_from([0, 1, 4_095, 5_000, 65_536, SIZE - 1, SIZE, SIZE + 1, 2**32 - 1])
numbers = st.one_of(edges, st.integers(0, SIZE), st.integers(0, 12_000))


def content() -> bytearray:
    return bytearray(n % 251 for n in range(SIZE))


def run(wasm: bytes, name: str, *arguments: int) -> tuple[bytes, bool, int | None]:
    """Memory afterwards, whether it trapped, instructions used (None: not metered)."""
    store = wasmtime.Store()
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, wasm), []).exports(store)
    memory, function = exports["memory"], exports[name]
    assert isinstance(memory, wasmtime.Memory) and isinstance(function, wasmtime.Func)
    memory.write(store, content())
    trapped = False
    try:
        function(store, *arguments)
    except (wasmtime.Trap, wasmtime.WasmtimeError):
        trapped = True
    used = None
    if arguments:
        counter = exports[COUNTER]
        assert isinstance(counter, wasmtime.Global)
        used = BUDGET - int(counter.value(store))
    return bytes(memory.read(store)), trapped, used


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(numbers, numbers, numbers, st.booleans(), st.sampled_from(["fill", "copy"]))
def test_pieces_do_what_the_instruction_does(
    wat: Callable[[str], bytes], a: int, b: int, n: int, memory_64: bool, what: str
) -> None:
    width, const = ("i64", "i64.const") if memory_64 else ("", "i32.const")
    module = wat(MODULE.format(width=width, const=const, a=a, b=b, n=n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "PIECE", 4_096)
        rewritten = rewrite(parse(module)).wasm
    name = f"canister_update {what}"
    expected, fails, _ = run(module, name)
    found, trapped, used = run(rewritten, RUN + name, BUDGET)
    assert trapped == fails
    if not fails:
        assert found == expected
        # Entering the function, three constants, the instruction, and each byte.
        assert used == 1 + 3 + 100 + n


def test_table_instructions_cost_by_the_element(wat: Callable[[str], bytes]) -> None:
    module = wat("""
      (module
        (memory (export "memory") 3)
        (table $wide i64 500 funcref) (table $other 500 funcref)
        (func (export "canister_update fill")
          (table.fill $wide (i64.const 0) (ref.null func) (i64.const 400)))
        (func (export "canister_update copy")
          (table.copy $other $wide (i32.const 0) (i64.const 0) (i32.const 300))))
    """)
    rewritten = rewrite(parse(module)).wasm
    for name, constants, count in (("fill", 3, 400), ("copy", 3, 300)):
        _, trapped, used = run(rewritten, f"{RUN}canister_update {name}", BUDGET)
        assert not trapped
        assert used == 1 + constants + 100 + count
