"""The interface of a module is read from the module alone, whatever the module does."""

from __future__ import annotations

import gzip
import time

import pytest
import wasmtime

from dcanary.candid_export import bounds
from dcanary.candid_export.reading import InterfaceError, interface_text
from dcanary.wasm_binary.sections import custom, join, sections

DID = "service : { get : () -> (nat) query }"


def module(body: str, memory: str = '(memory (export "memory") 1)') -> bytes:
    return bytes(
        wasmtime.wat2wasm(
            f'(module (import "ic0" "msg_reply" (func $reply)) {memory}'
            f'(data (i32.const 16) "{DID}\\00") {body})'
        )
    )


def export(body: str, types: str = "(result i32)") -> str:
    return f'(func (export "get_candid_pointer") {types} {body})'


PLAIN = module(export("i32.const 16"))


def with_metadata(name: str, content: bytes, base: bytes = PLAIN) -> bytes:
    return join([*sections(base), custom(name, content)])


def test_the_export_of_a_rust_module_tells_its_interface() -> None:
    assert interface_text(PLAIN) == DID
    assert interface_text(gzip.compress(PLAIN)) == DID


def test_metadata_goes_before_the_export_and_public_before_private() -> None:
    public, private = b"service : { public : () -> () }", b"service : { private : () -> () }"
    found = with_metadata("icp:private candid:service", private)
    assert interface_text(found) == private.decode()
    found = with_metadata("icp:public candid:service", public, found)
    assert interface_text(found) == public.decode()


def test_a_module_that_tells_nothing_has_none() -> None:
    assert interface_text(module("")) is None


def test_a_64_bit_module_tells_its_interface_too() -> None:
    text = (
        f'(module (memory (export "memory") i64 1) (data (i64.const 16) "{DID}\\00")'
        f"{export('i64.const 16', '(result i64)')})"
    )
    assert interface_text(bytes(wasmtime.wat2wasm(text))) == DID


HUGE = '(memory (export "memory") 1600)'
"""100 MiB."""


@pytest.mark.parametrize(
    ("hostile", "told"),
    [
        (module(export("(loop $l br $l) unreachable")), "cannot be run: all fuel consumed"),
        (module(f"{export('i32.const 16')} (func $s (loop $l br $l)) (start $s)"), "all fuel"),
        (module('(func $f (export "f") call $f)' + export("call $f i32.const 16")), "call stack"),
        (
            module(export("call $reply i32.const 16")),
            "cannot be run: unknown import: `ic0::msg_reply`",
        ),
        (module(export("unreachable")), "unreachable"),
        (module(export("i32.const 65536")), "points out of its memory"),
        (module(export("i32.const -1")), "points out of its memory"),
        (module(export("i32.const 100") + '(data (i32.const 100) "\\ff\\00")'), "is no UTF-8"),
        (
            # No byte of it is zero to the end of its memory.
            module(export("i32.const 0 i32.const 97 i32.const 65536 memory.fill i32.const 0")),
            "does not end within",
        ),
        (
            module(
                export("i32.const 0 i32.const 97 i32.const 104857600 memory.fill i32.const 0"), HUGE
            ),
            "does not end within",
        ),
        (
            module(export("i32.const 16"), '(memory (export "memory") 65536)'),
            "memory minimum size of 65536 pages exceeds memory limits",
        ),
        (module(export("i32.const 16", "(param i32) (result i32)")), "takes arguments"),
        (module(export("", "")), "returns no pointer"),
        (module(export("f64.const 1", "(result f64)")), "returns no pointer"),
        (module(export("i32.const 16"), "(memory 1)"), "no memory"),
        (module('(global (export "get_candid_pointer") i32 (i32.const 16))'), "no function"),
        (module(export("i32.const 100") + '(data (i32.const 100) "no { did\\00")'), "no Candid"),
        (b"\0asm\x01\0\0\0\x07\xff", "no WebAssembly module"),
        (b"\0asm\x01\0\0\0\x07\x05\x01\x02", "no WebAssembly module"),
        (b"#!/bin/sh", "no WebAssembly module"),
        (b"", "no WebAssembly module"),
        (gzip.compress(PLAIN)[:-20], "its end is missing"),
        (b"\x1f\x8bno", "no whole gzip file"),
        (PLAIN[:-3], "no WebAssembly module"),
        (with_metadata("icp:public candid:service", b"\xff"), "is no UTF-8"),
        (
            with_metadata("icp:public candid:service", b" " * (bounds.MAX_DID_BYTES + 1)),
            "has more than",
        ),
    ],
)
def test_hostile_and_damaged_modules_are_told_by_what_is_wrong(hostile: bytes, told: str) -> None:
    started = time.monotonic()
    with pytest.raises(InterfaceError, match=told) as caught:
        interface_text(hostile)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 60


def test_a_small_file_that_becomes_a_huge_module_is_refused_before_it_is_there() -> None:
    bomb = gzip.compress(PLAIN + bytes(bounds.MAX_MODULE_BYTES), compresslevel=1)
    with pytest.raises(InterfaceError, match="has more than"):
        interface_text(bomb)


def test_what_the_module_grows_has_a_bound() -> None:
    grows = export(
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1))))"
        "(select (i32.const 16) (i32.const 1) (i32.le_u (memory.size) (i32.const 4096)))"
    )
    assert interface_text(module(grows)) == DID
