"""Snapshots are read and uploaded in slices, and are then what was taken."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.api import Reject, Reply
from dcanary.replica.engine.management import snapshot_parts as parts
from dcanary.replica.engine.management import types

PAGE = 65_536
USER = b"\x04"
GLOBALS = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
  (memory 1)
  (global $a (mut i32) (i32.const -1))
  (global $b (mut i64) (i64.const 7))
  (global $c (mut f32) (f32.const 0.5))
  (global $d (mut f64) (f64.const -2.25))
  (func (export "canister_init") (drop (call $grow (i64.const 1))))
  (func (export "canister_update put")
    (i32.store (i32.const 8) (i32.const 0x01020304))
    (call $write (i64.const 65532) (i64.const 8) (i64.const 4))
    (global.set $a (i32.sub (global.get $a) (i32.const 1)))
    (call $reply))
  (func (export "canister_query get")
    (i32.store (i32.const 16) (global.get $a))
    (f64.store (i32.const 24) (global.get $d))
    (call $read (i64.const 32) (i64.const 65532) (i64.const 4))
    (call $append (i32.const 0) (i32.const 40))
    (call $reply)))
"""


def taken(subnet: Any, canister: bytes) -> bytes:
    fields = {"canister_id": canister}
    (found,) = subnet.management(
        "take_canister_snapshot", types.TAKE_SNAPSHOT, fields, [types.SNAPSHOT]
    )
    snapshot: bytes = found["id"]
    return snapshot


def metadata_of(subnet: Any, canister: bytes, snapshot: bytes) -> dict[str, Any]:
    (found,) = subnet.management(
        "read_canister_snapshot_metadata",
        types.READ_SNAPSHOT_METADATA,
        {"canister_id": canister, "snapshot_id": snapshot},
        [types.SNAPSHOT_METADATA],
    )
    metadata: dict[str, Any] = found
    return metadata


def read(subnet: Any, canister: bytes, snapshot: bytes, kind: str, size: int) -> bytes:
    """A memory in slices of an odd size."""
    content = b""
    while len(content) < size:
        part = {"offset": len(content), "size": min(50_001, size - len(content))}
        (found,) = subnet.management(
            "read_canister_snapshot_data",
            types.READ_SNAPSHOT_DATA,
            {"canister_id": canister, "snapshot_id": snapshot, "kind": {kind: part}},
            [types.READ_SNAPSHOT_DATA_REPLY],
        )
        content += found["chunk"]
    return content


def begin(subnet: Any, canister: bytes, metadata: dict[str, Any], **more: Any) -> Any:
    names = [*(f"{name}_size" for name in parts.MEMORIES), "globals", "certified_data"]
    fields = {"canister_id": canister, **{name: metadata[name] for name in names}, **more}
    return subnet.try_management(
        "upload_canister_snapshot_metadata", types.UPLOAD_SNAPSHOT_METADATA, fields
    )


def begun(subnet: Any, canister: bytes, metadata: dict[str, Any]) -> bytes:
    answer = begin(subnet, canister, metadata)
    assert isinstance(answer, Reply), answer
    found: bytes = types.UPLOAD_SNAPSHOT_METADATA_REPLY.decode(answer.data)[0]["snapshot_id"]
    return found


def upload(
    subnet: Any, canister: bytes, snapshot: bytes, kind: str, offset: int, content: bytes
) -> Reply | Reject:
    where = None if kind == "wasm_chunk" else {"offset": offset}
    answer: Reply | Reject = subnet.try_management(
        "upload_canister_snapshot_data",
        types.UPLOAD_SNAPSHOT_DATA,
        {
            "canister_id": canister,
            "snapshot_id": snapshot,
            "kind": {kind: where},
            "chunk": content,
        },
    )
    return answer


def load(subnet: Any, canister: bytes, snapshot: bytes) -> Any:
    fields = {"canister_id": canister, "snapshot_id": snapshot}
    return subnet.try_management("load_canister_snapshot", types.LOAD_SNAPSHOT, fields)


def copy_of(subnet: Any, canister: bytes, snapshot: bytes) -> bytes:
    """The snapshot read and uploaded again."""
    metadata = metadata_of(subnet, canister, snapshot)
    made = begun(subnet, canister, metadata)
    for kind in parts.MEMORIES:
        content = read(subnet, canister, snapshot, kind, metadata[f"{kind}_size"])
        for offset in range(0, len(content), 30_000):
            piece = content[offset : offset + 30_000]
            assert isinstance(upload(subnet, canister, made, kind, offset, piece), Reply)
    return made


def test_a_snapshot_read_and_uploaded_is_the_same_canister(
    subnet: Any, wat: Callable[[str], bytes]
) -> None:
    canister = subnet.deploy(wat(GLOBALS))
    subnet.call(canister, "put", b"")
    before = subnet.engine.query(USER, canister, "get", b"")
    snapshot = taken(subnet, canister)
    metadata = metadata_of(subnet, canister, snapshot)
    assert metadata["globals"] == [{"i32": -2}, {"i64": 7}, {"f32": 0.5}, {"f64": -2.25}]
    assert metadata["source"] == {"taken_from_canister": None}
    assert metadata["stable_memory_size"] == PAGE
    module = read(subnet, canister, snapshot, "wasm_module", metadata["wasm_module_size"])
    assert module == wat(GLOBALS)

    copied = copy_of(subnet, canister, snapshot)
    subnet.call(canister, "put", b"")
    assert subnet.engine.query(USER, canister, "get", b"") != before
    assert isinstance(load(subnet, canister, copied), Reply)
    assert subnet.engine.query(USER, canister, "get", b"") == before
    assert metadata_of(subnet, canister, copied)["source"] == {"metadata_upload": None}


def test_a_half_uploaded_snapshot_survives_a_kill(
    tmp_path: Path, open_subnet: Callable[[Path], Any], wat: Callable[[str], bytes]
) -> None:
    net = open_subnet(tmp_path / "net")
    canister = net.deploy(wat(GLOBALS))
    net.call(canister, "put", b"")
    before = net.engine.query(USER, canister, "get", b"")
    copied = copy_of(net, canister, taken(net, canister))
    net.engine.checkpoint()
    chunk = b"a chunk"
    assert isinstance(upload(net, canister, copied, "wasm_chunk", 0, chunk), Reply)
    shutil.copytree(tmp_path / "net", tmp_path / "killed")
    net.engine.close()
    again = open_subnet(tmp_path / "killed")
    assert isinstance(load(again, canister, copied), Reply)
    assert again.engine.query(USER, canister, "get", b"") == before
    digest = hashlib.sha256(chunk).digest()
    assert metadata_of(again, canister, copied)["wasm_chunk_store"] == [{"hash": digest}]
    again.engine.close()


def test_a_snapshot_without_its_module_is_not_loaded(
    subnet: Any, wat: Callable[[str], bytes]
) -> None:
    canister = subnet.deploy(wat(GLOBALS))
    metadata = metadata_of(subnet, canister, taken(subnet, canister))
    empty = begun(subnet, canister, metadata)
    refused = load(subnet, canister, empty)
    assert isinstance(refused, Reject)
    assert refused.error_code == "IC0505"


def test_globals_of_another_module_are_refused(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(wat(GLOBALS))
    metadata = metadata_of(subnet, canister, taken(subnet, canister))
    other = begun(subnet, canister, {**metadata, "globals": [{"i64": 1}]})
    upload(subnet, canister, other, "wasm_module", 0, wat(GLOBALS))
    refused = load(subnet, canister, other)
    assert isinstance(refused, Reject)
    assert "its module of the types i32, i64, f32, f64" in refused.message


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"wasm_memory_size": 1}, "pages"),
        ({"stable_memory_size": 1 << 50}, "stable_memory_size"),
        ({"wasm_module_size": 1 << 40}, "wasm_module_size"),
        ({"certified_data": bytes(33)}, "certified_data"),
        ({"globals": [{"v128": 1 << 128}]}, "128 bits"),
        ({"replace_snapshot": b"none"}, "snapshot"),
    ],
)
def test_metadata_outside_of_the_limits_is_refused(
    subnet: Any, wat: Callable[[str], bytes], wrong: dict[str, Any], why: str
) -> None:
    canister = subnet.deploy(wat(GLOBALS))
    metadata = metadata_of(subnet, canister, taken(subnet, canister))
    refused = begin(subnet, canister, {**metadata, **wrong}, **wrong)
    assert isinstance(refused, Reject)
    assert why in refused.message


def test_slices_outside_of_a_memory_are_refused(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(wat(GLOBALS))
    snapshot = taken(subnet, canister)
    made = begun(subnet, canister, metadata_of(subnet, canister, snapshot))
    beyond = upload(subnet, canister, made, "stable_memory", PAGE - 1, b"ab")
    whole = upload(subnet, canister, snapshot, "stable_memory", 0, b"ab")
    fields = {"canister_id": canister, "snapshot_id": snapshot}
    kind = {"stable_memory": {"offset": PAGE, "size": 1}}
    unread = subnet.try_management(
        "read_canister_snapshot_data", types.READ_SNAPSHOT_DATA, {**fields, "kind": kind}
    )
    for refused, why in ((beyond, "outside"), (whole, "is whole"), (unread, "outside")):
        assert isinstance(refused, Reject)
        assert why in refused.message


@pytest.mark.parametrize("value", [{"v128": (1 << 127) + 5}, {"f64": 0.1}, {"i32": -(1 << 31)}])
def test_globals_come_back_from_their_slots(value: dict[str, Any]) -> None:
    kinds, slots = parts.encode_globals([value])
    assert len(slots) == parts.SLOT
    assert parts.decode_globals(kinds, slots) == [value]
