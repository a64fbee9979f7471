"""Which modules are accepted, and what it takes to compile one."""

from __future__ import annotations

import gzip
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from dcanary.replica.api import Reject, Reply
from dcanary.replica.state import limits
from dcanary.replica.state.errors import InvalidWasm
from dcanary.replica.wasm import compiler
from dcanary.replica.wasm.config import make_config
from dcanary.replica.wasm.rewrite import rewrite
from dcanary.replica.wasm.shape import shape
from dcanary.replica.wasm.validation import load
from dcanary.wasm_binary.leb128 import (
    decode_signed,
    decode_unsigned,
    encode_signed,
    encode_unsigned,
)
from dcanary.wasm_binary.module import parse


@given(st.integers(0, 2**63))
def test_unsigned_numbers_survive_leb128(value: int) -> None:
    assert decode_unsigned(encode_unsigned(value) + b"x", 0) == (value, len(encode_unsigned(value)))


@given(st.integers(-(2**63), 2**63 - 1))
def test_signed_numbers_survive_leb128(value: int) -> None:
    assert decode_signed(encode_signed(value) + b"x", 0) == (value, len(encode_signed(value)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('(module (import "env" "f" (func)))', "only functions of module ic0"),
        ('(module (import "ic0" "nope" (func)))', "no such System API function"),
        ('(module (import "ic0" "msg_reply" (func (param i32))))', "wrong type"),
        ('(module (import "ic0" "msg_reply" (memory 1)))', "only functions can be imported"),
        ('(module (func (export "canister_init") (param i32)))', "must have type"),
        ('(module (func (export "canister_initt")))', "unknown entry point `canister_initt`"),
        (
            '(module (func (export "canister_update a")) (func (export "canister_query a")))',
            "method `a` is exported more than once",
        ),
        ('(module (memory 1) (data (i32.const 65530) "too long"))', "data segment 0"),
        ("(module (memory 1) (memory 1))", "only one memory"),
        ('(module (@custom "icp:public a" "1") (@custom "icp:private a" "2"))', "more than once"),
        ("(module (memory i64 200000))", "initial memory"),
    ],
)
def test_modules_that_break_a_rule_are_told_which(
    wat: Callable[[str], bytes], text: str, reason: str
) -> None:
    with pytest.raises(InvalidWasm, match=reason):
        load(wat(text))


def test_bytes_that_are_no_module_are_refused(wat: Callable[[str], bytes]) -> None:
    for junk, reason in (
        (b"", "neither"),
        (b"hello", "neither"),
        (b"\0asm\x02\0\0\0", "version"),
        (b"\0asm\x01\0\0\0\x01", "ends inside"),
        (b"\0asm\x01\0\0\0\x01\x05", "longer than the module"),
        (gzip.compress(b"x" * 100), "magic|version"),
        (gzip.compress(wat("(module)"))[:-4], "truncated"),
    ):
        with pytest.raises(InvalidWasm, match=reason):
            load(junk)


def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(limits.MAX_WASM_SIZE + 10), compresslevel=1)
    with pytest.raises(InvalidWasm, match="larger than"):
        load(bomb)


@given(st.binary(max_size=80))
def test_hostile_sections_are_refused_cleanly(data: bytes) -> None:
    try:
        load(b"\0asm\x01\0\0\0" + data)
    except InvalidWasm:
        return


def test_instructions_are_counted_without_changing_the_module(
    wat: Callable[[str], bytes],
) -> None:
    module = parse(
        wat(
            "(module (func (drop (i32.const 1)))"
            "(func (result i32 i64) (i32.const 1) (i64.const 2)))"
        )
    )
    assert rewrite(module).instructions == 3 + 3
    assert not rewrite(module).mutates_tables


def test_invalid_code_is_refused_at_installation(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.create()
    good = wat('(module (func (export "canister_update f") (drop (i32.const 1))))')
    bad = good.replace(b"\x41\x01\x1a", b"\x42\x01\x45")
    assert bad != good
    refused = subnet.install(canister, bad)
    assert isinstance(refused, Reject)
    assert refused.error_code == "IC0505"
    assert "not valid" in refused.message
    threads = wat("(module (memory 1 1 shared))")
    assert subnet.install(canister, threads).error_code == "IC0505"
    assert isinstance(subnet.install(canister, good), Reply)


def test_a_compile_bomb_is_stopped_by_its_limits(
    subnet: Any, wat: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bomb = _nested_loops(600, 600)
    monkeypatch.setattr(limits, "COMPILE_CPU_SECONDS", 2)
    canister = subnet.create()
    begun = time.monotonic()
    refused = subnet.install(canister, bomb)
    assert isinstance(refused, Reject), "the module compiled in time; use a worse one"
    assert refused.error_code == "IC0505"
    assert "compiling it" in refused.message
    assert time.monotonic() - begun < 30
    fine = wat('(module (func (export "canister_update f")))')
    assert isinstance(subnet.install(canister, fine), Reply)


def test_compiled_modules_are_found_in_the_cache(
    tmp_path: Path, wat: Callable[[str], bytes]
) -> None:
    engine = wasmtime.Engine(make_config())
    wasm = wat('(module (func (export "canister_update f")))')
    first = compiler.Compiler(engine, tmp_path / "cache")
    assert first.module(wasm).instructions == 1
    files = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert [name.partition(".")[2] for name in files] == ["cwasm", "json", "valid"]
    second = compiler.Compiler(engine, tmp_path / "cache")
    second.compile_to = None  # type: ignore[assignment, method-assign]  # it must not be needed
    assert second.module(wasm).hash == first.module(wasm).hash
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def _nested_loops(depth: int, local_count: int) -> bytes:
    body = "".join(
        f"(local.set {n} (i32.add (local.get {n}) (local.get 0)))" for n in range(local_count)
    )
    text = f"(local {'i32 ' * local_count})" + "(loop " * depth + body
    text += "(br_if 0 (local.get 0)))" * depth
    return bytes(wasmtime.wat2wasm(f'(module (func (export "canister_update f") {text}))'))


SHAPED = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory PAGES 20)
  (global $a (mut i32) (i32.const VALUE))
  (global $b (mut i64) (i64.const -VALUE))
  (global $c (mut f64) (f64.const VALUE.5))
  (global $fixed i32 (i32.const 16))
  (data (i32.const 100) "TEXT")
  (func $dispatch (param $method i32)
    (i32.store (i32.const 0) (local.get $method))
    (i32.store (i32.const 4) (global.get $a))
    (i64.store (i32.const 8) (global.get $b))
    (f64.store (i32.const 16) (global.get $c))
    (global.set $a (i32.add (global.get $a) (i32.const 1)))
    (call $append (i32.const 0) (i32.const 24))
    (call $append (i32.const 100) (i32.const 4))
    (i32.store (i32.const 0) (memory.size))
    (call $append (i32.const 0) (i32.const 4))
    (call $reply))
  ENTRIES)
"""


def _shaped(wat: Callable[[str], bytes], value: int, text: str, pages: int, entries: int) -> bytes:
    stubs = "".join(
        f'(func (export "canister_update m{n}") (call $dispatch (i32.const {n})))'
        for n in range(entries)
    )
    source = SHAPED.replace("VALUE", str(value)).replace("TEXT", text)
    return wat(source.replace("PAGES", str(pages)).replace("ENTRIES", stubs))


def test_modules_of_one_runtime_share_what_is_compiled(
    subnet: Any, wat: Callable[[str], bytes]
) -> None:
    modules = [_shaped(wat, 7, "text", 1, 2), _shaped(wat, 3_000_000, "TEXT", 3, 5)]
    assert shape(parse(modules[0])).wasm == shape(parse(modules[1])).wasm
    canisters = [subnet.deploy(wasm) for wasm in modules]
    for canister, value, text, pages in (
        (canisters[0], 7, b"text", 1),
        (canisters[1], 3_000_000, b"TEXT", 3),
    ):
        for step in range(2):
            expected = (1).to_bytes(4, "little") + (value + step).to_bytes(4, "little")
            expected += (-value).to_bytes(8, "little", signed=True)
            expected += struct.pack("<d", value + 0.5) + text + pages.to_bytes(4, "little")
            assert subnet.call(canister, "m1") == Reply(expected)
    assert subnet.call(canisters[0], "m2").error_code == "IC0536"
    assert isinstance(subnet.call(canisters[1], "m4"), Reply)
    bodies = [subnet.engine.core.bodies[item].module.module for item in canisters]
    assert bodies[0] is bodies[1]


def test_a_module_whose_code_needs_its_data_is_compiled_as_it_is(
    subnet: Any, wat: Callable[[str], bytes]
) -> None:
    wasm = wat(
        """(module
        (import "ic0" "msg_reply" (func $reply))
        (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
        (memory 1) (data $d (i32.const 0) "active")
        (func (export "canister_update f")
          (memory.init $d (i32.const 50) (i32.const 0) (i32.const 0))
          (call $append (i32.const 0) (i32.const 6)) (call $reply)))"""
    )
    assert subnet.call(subnet.deploy(wasm), "f") == Reply(b"active")


def test_a_thin_entry_point_costs_what_it_would_in_the_module(
    subnet: Any, wat: Callable[[str], bytes]
) -> None:
    text = """
      (module
        (import "ic0" "msg_reply" (func $reply))
        (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
        (import "ic0" "performance_counter" (func $counter (param i32) (result i64)))
        (memory 1)
        (func $dispatch (param i32)
          (i64.store (i32.const 0) (call $counter (i32.const 0)))
          (call $append (i32.const 0) (i32.const 8)) (call $reply))
        (func (export "canister_query thin") (call $dispatch (i32.const 5)))
        LAST)
    """
    counts = []
    for last in ("", '(func (export "canister_query last") (call $dispatch (memory.size)))'):
        canister = subnet.deploy(wat(text.replace("LAST", last)))
        entries = subnet.engine.core.bodies[canister].module.shape.entries
        assert ("canister_query thin" in entries) is (last == "")
        counts.append(subnet.engine.query(b"\x04", canister, "thin", b""))
    assert counts[0] == counts[1]


def test_the_cache_forgets_what_was_longest_unused(
    tmp_path: Path, wat: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = wasmtime.Engine(make_config())
    made = compiler.Compiler(engine, tmp_path / "cache")
    modules = [
        wat(f'(module (func (export "canister_update f") (drop (i32.const {n}))))') for n in (1, 2)
    ]
    made.module(modules[0])
    size = next((tmp_path / "cache").glob("*.cwasm")).stat().st_size
    monkeypatch.setattr(limits, "COMPILE_CACHE_SIZE", size + 10)
    made.module(modules[1])
    assert len(list((tmp_path / "cache").glob("*.cwasm"))) == 1
    again = compiler.Compiler(engine, tmp_path / "cache")
    assert [again.module(wasm).instructions for wasm in modules] == [3, 3]


@pytest.mark.parametrize(
    ("section", "item", "reason"),
    [
        (1, b"\x60\0\0", "types, limit"),
        (3, b"\0", "functions defined, limit 50000"),
        (6, b"\x7f\0\x41\0\x0b", "globals defined, limit 1000"),
        (7, b"\0\0\0", "exports, limit"),
        (11, b"\x01\0", "data segments, limit"),
    ],
)
def test_modules_with_far_too_many_items_are_refused_at_once(
    section: int, item: bytes, reason: str
) -> None:
    count = 3_000_000
    content = encode_unsigned(count) + item * count
    wasm = b"\0asm\x01\0\0\0" + bytes((section,)) + encode_unsigned(len(content)) + content
    begun = time.process_time()
    with pytest.raises(InvalidWasm, match=reason):
        load(gzip.compress(wasm, compresslevel=1))
    assert time.process_time() - begun < 2


def test_modules_with_far_too_many_sections_are_refused_at_once() -> None:
    wasm = b"\0asm\x01\0\0\0" + b"\0\x02\x01x" * 3_000_000
    with pytest.raises(InvalidWasm, match="sections"):
        load(wasm)
