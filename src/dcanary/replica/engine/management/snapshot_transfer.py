"""Snapshots leave and enter: metadata and data are read and uploaded in slices."""

from __future__ import annotations

import hashlib
from typing import Any

from dcanary.replica.api import Reply
from dcanary.replica.engine.management import snapshot_parts as parts
from dcanary.replica.engine.management.context import (
    NOTHING,
    Call,
    Operation,
    invalid,
    refused,
    reply,
)
from dcanary.replica.engine.management.snapshots import add, charge, check_room, find, new_id
from dcanary.replica.engine.management.types import (
    READ_SNAPSHOT_DATA,
    READ_SNAPSHOT_DATA_REPLY,
    READ_SNAPSHOT_METADATA,
    SNAPSHOT_METADATA,
    UPLOAD_SNAPSHOT_DATA,
    UPLOAD_SNAPSHOT_METADATA,
    UPLOAD_SNAPSHOT_METADATA_REPLY,
)
from dcanary.replica.state import limits
from dcanary.replica.state.records import Snapshot, Uploaded

MAX_SLICE = 2_000_000
"""Bytes of one read or upload."""
SLICE_INSTRUCTIONS = 5_000_000
"""What a slice is charged for, besides its bytes."""


def read_metadata(call: Call, arg: dict[str, Any]) -> Reply:
    """Everything of a snapshot but its memories, module and chunks."""
    canister = call.controlled(arg["canister_id"])
    snapshot = find(canister, arg["snapshot_id"])
    parts.assemble(call.core, snapshot)
    blobs = call.core.blobs
    wasm = blobs.get(snapshot.module)
    module = call.core.runtime.compiler.module(wasm)
    kinds = parts.global_kinds(module.parsed.mutable_globals())
    return reply(
        SNAPSHOT_METADATA,
        {
            "source": {snapshot.taken_by: None},
            "taken_at_timestamp": snapshot.time,
            "wasm_module_size": len(wasm),
            "globals": parts.decode_globals(kinds, snapshot.globals),
            "wasm_memory_size": snapshot.heap_size,
            "stable_memory_size": snapshot.stable_pages * limits.WASM_PAGE,
            "wasm_chunk_store": [{"hash": digest} for digest in snapshot.chunks],
            "canister_version": snapshot.version,
            "certified_data": snapshot.certified_data,
            "global_timer": {"active": snapshot.timer} if snapshot.timer else {"inactive": None},
            "on_low_wasm_memory_hook_status": None,
        },
    )


def read_data(call: Call, arg: dict[str, Any]) -> Reply:
    """A slice of a memory or of the module, or one chunk."""
    canister = call.controlled(arg["canister_id"])
    snapshot = find(canister, arg["snapshot_id"])
    parts.assemble(call.core, snapshot)
    ((kind, wanted),) = arg["kind"].items()
    if kind == "wasm_chunk":
        if wanted["hash"] not in snapshot.chunks:
            raise refused(f"the snapshot has no chunk {wanted['hash'].hex()}")
        content = call.core.blobs.get(wanted["hash"])
    else:
        content = _slice(call, snapshot, kind, wanted["offset"], wanted["size"])
    charge(call, canister, SLICE_INSTRUCTIONS + len(content))
    return reply(READ_SNAPSHOT_DATA_REPLY, {"chunk": content})


def _slice(call: Call, snapshot: Snapshot, kind: str, offset: int, size: int) -> bytes:
    if size > MAX_SLICE:
        raise invalid(f"a slice of {size} bytes is asked for, at most {MAX_SLICE}")
    names = {
        "wasm_module": snapshot.module,
        "wasm_memory": snapshot.heap,
        "stable_memory": snapshot.stable,
    }
    content = call.core.blobs.get(names[kind])
    if offset + size > len(content):
        raise invalid(
            f"bytes {offset} to {offset + size} are outside of the {kind} of {len(content)} bytes"
        )
    return content[offset : offset + size]


def upload_metadata(call: Call, arg: dict[str, Any]) -> Reply:
    """Begin a snapshot whose contents follow in slices."""
    canister = call.controlled(arg["canister_id"])
    module, heap, stable = (arg[f"{name}_size"] for name in parts.MEMORIES)
    for name, size, most in (
        ("wasm_module", module, limits.MAX_WASM_SIZE),
        ("wasm_memory", heap, limits.MAX_HEAP_64),
        ("stable_memory", stable, limits.MAX_STABLE_RESIDENT),
    ):
        if size > most:
            raise invalid(f"{name}_size of {size} bytes, at most {most}")
    if heap % limits.WASM_PAGE or stable % limits.WASM_PAGE:
        raise invalid(f"memories consist of pages of {limits.WASM_PAGE} bytes")
    if len(arg["certified_data"]) > limits.MAX_CERTIFIED_DATA:
        raise invalid(f"certified_data has at most {limits.MAX_CERTIFIED_DATA} bytes")
    kinds, values = parts.encode_globals(arg["globals"])
    check_room(canister, arg["replace_snapshot"])
    charge(call, canister, call.core.costs.snapshot_instructions)
    snapshot = Snapshot(
        id=new_id(canister),
        time=call.core.subnet.now,
        version=canister.version,
        module=b"",
        heap=b"",
        heap_size=heap,
        stable=b"",
        stable_pages=stable // limits.WASM_PAGE,
        globals=values,
        certified_data=arg["certified_data"],
        timer=(arg["global_timer"] or {}).get("active") or 0,
        chunks={},
        size=module + heap + stable,
        taken_by="metadata_upload",
        parts={
            "wasm_module": Uploaded(module),
            "wasm_memory": Uploaded(heap),
            "stable_memory": Uploaded(stable),
        },
        global_types=kinds,
    )
    add(canister, snapshot, arg["replace_snapshot"])
    return reply(UPLOAD_SNAPSHOT_METADATA_REPLY, {"snapshot_id": snapshot.id})


def upload_data(call: Call, arg: dict[str, Any]) -> Reply:
    """Take a slice of a memory or of the module, or one chunk, into an uploaded snapshot."""
    canister = call.controlled(arg["canister_id"])
    snapshot = find(canister, arg["snapshot_id"])
    content = arg["chunk"]
    if len(content) > MAX_SLICE:
        raise invalid(f"a slice of {len(content)} bytes, at most {MAX_SLICE}")
    ((kind, where),) = arg["kind"].items()
    if kind == "wasm_chunk":
        if len(content) > limits.MAX_CHUNK:
            raise invalid(f"a chunk of {len(content)} bytes, at most {limits.MAX_CHUNK}")
        if not snapshot.parts:
            raise refused(f"snapshot {snapshot.id.hex()} is whole: nothing can be uploaded into it")
        if len(snapshot.chunks) >= limits.MAX_CHUNKS:
            raise refused(f"a snapshot has at most {limits.MAX_CHUNKS} chunks")
        call.core.blobs.put(content)
        digest = hashlib.sha256(content).digest()
        if digest not in snapshot.chunks:
            snapshot.chunks[digest] = len(content)
            snapshot.size += len(content)
    else:
        parts.add_slice(call.core, snapshot, kind, where["offset"], content)
    charge(call, canister, SLICE_INSTRUCTIONS + len(content))
    return NOTHING


OPERATIONS = {
    "read_canister_snapshot_metadata": Operation(READ_SNAPSHOT_METADATA, read_metadata),
    "read_canister_snapshot_data": Operation(READ_SNAPSHOT_DATA, read_data),
    "upload_canister_snapshot_metadata": Operation(UPLOAD_SNAPSHOT_METADATA, upload_metadata),
    "upload_canister_snapshot_data": Operation(UPLOAD_SNAPSHOT_DATA, upload_data),
}
