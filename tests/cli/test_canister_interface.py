"""`canister interface` of a module's file: no network is asked."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import wasmtime

from dcanary.cli.main import run

DID = "service : { get : () -> (nat) query }"


def module(pointer: int) -> bytes:
    return bytes(
        wasmtime.wat2wasm(
            f'(module (memory (export "memory") 1) (data (i32.const 16) "{DID}\\00")'
            f'(func (export "get_candid_pointer") (result i32) i32.const {pointer}))'
        )
    )


def test_the_interface_of_a_file_is_printed_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "app.wasm.gz"
    file.write_bytes(gzip.compress(module(16)))
    assert run(["canister", "interface", str(file)]) == 0
    assert capsys.readouterr().out.strip() == DID


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file or directory"),
        (module(-1), "get_candid_pointer points out of its memory"),
        (b"\0asm\x01\0\0\0", "it tells no interface: in Rust, write ic_cdk::export_candid!()"),
    ],
)
def test_what_tells_no_interface_is_named_with_what_to_do(
    tmp_path: Path, content: bytes | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "app.wasm"
    if content is not None:
        file.write_bytes(content)
    assert run(["canister", "interface", str(file)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "app.wasm: " in said and told in said
