"""Installing code: in one message or from the chunk store."""

from __future__ import annotations

import hashlib
from typing import Any

from dcanary.candid.principal import to_text
from dcanary.replica.api import Reply
from dcanary.replica.engine.installer import Installation, Mode
from dcanary.replica.engine.management.context import (
    NOTHING,
    Call,
    Operation,
    invalid,
    refused,
    reply,
)
from dcanary.replica.engine.management.types import (
    CANISTER_ID,
    CHUNK_HASH,
    CHUNK_HASHES,
    INSTALL_CHUNKED,
    INSTALL_CODE,
    UPLOAD_CHUNK,
)
from dcanary.replica.state import limits
from dcanary.replica.state.records import Canister


def _install(call: Call, canister: Canister, wasm: bytes, arg: dict[str, Any]) -> Reply:
    ((mode, options),) = arg["mode"].items()
    options = options or {}
    persistence = options.get("wasm_memory_persistence")
    module = call.installer.install(
        canister,
        Installation(
            module=wasm,
            arg=arg["arg"],
            caller=call.sender,
            mode=Mode(mode),
            skip_pre_upgrade=bool(options.get("skip_pre_upgrade")),
            keep_main_memory=None if persistence is None else "keep" in persistence,
        ),
    )
    change = call.change(canister, "code_deployment", arg["sender_canister_version"])
    change.mode, change.module_hash = mode, module.hash
    call.core.record(canister, change)
    return NOTHING


def install_code(call: Call, arg: dict[str, Any]) -> Reply:
    return _install(call, call.controlled(arg["canister_id"]), arg["wasm_module"], arg)


def install_chunked_code(call: Call, arg: dict[str, Any]) -> Reply:
    target = call.controlled(arg["target_canister"])
    store_id = arg["store_canister"]
    store = target
    if store_id is not None and store_id != target.id:
        store = call.core.canister(store_id)
        if call.sender != store.id:
            call.controlled(store_id)
    parts: list[bytes] = []
    size = 0
    for item in arg["chunk_hashes_list"]:
        digest = item["hash"]
        if digest not in store.chunks:
            raise refused(
                f"Chunk {digest.hex()} was not found in the chunk store of canister "
                f"{to_text(store.id)}."
            )
        size += store.chunks[digest]
        if size > limits.MAX_WASM_SIZE:
            raise refused(f"the chunks sum up to more than {limits.MAX_WASM_SIZE} bytes")
        parts.append(call.core.blobs.get(digest))
    wasm = b"".join(parts)
    actual = hashlib.sha256(wasm).digest()
    if actual != arg["wasm_module_hash"]:
        raise refused(
            f"Wasm module hash {actual.hex()} does not match given hash "
            f"{arg['wasm_module_hash'].hex()}"
        )
    return _install(call, target, wasm, arg)


def _own_store(call: Call, canister_id: bytes) -> Canister:
    """The chunk store is open to controllers and to the canister itself."""
    if call.sender == canister_id:
        return call.core.canister(canister_id)
    return call.controlled(canister_id)


def upload_chunk(call: Call, arg: dict[str, Any]) -> Reply:
    canister = _own_store(call, arg["canister_id"])
    chunk = arg["chunk"]
    if len(chunk) > limits.MAX_CHUNK:
        raise invalid(f"chunk of {len(chunk)} bytes, at most {limits.MAX_CHUNK}")
    if len(canister.chunks) >= limits.MAX_CHUNKS:
        raise refused(
            f"the chunk store is full: {limits.MAX_CHUNKS} chunks; clear it with clear_chunk_store"
        )
    costs = call.core.costs
    price = costs.instruction * costs.upload_chunk_instructions
    call.core.require(canister, price)
    call.core.consume(canister, price)
    digest = call.core.blobs.put(chunk)
    canister.chunks.setdefault(digest, len(chunk))
    return reply(CHUNK_HASH, {"hash": digest})


def clear_chunk_store(call: Call, arg: dict[str, Any]) -> Reply:
    _own_store(call, arg["canister_id"]).chunks.clear()
    return NOTHING


def stored_chunks(call: Call, arg: dict[str, Any]) -> Reply:
    canister = _own_store(call, arg["canister_id"])
    return reply(CHUNK_HASHES, [{"hash": digest} for digest in sorted(canister.chunks)])


OPERATIONS = {
    "install_code": Operation(INSTALL_CODE, install_code),
    "install_chunked_code": Operation(INSTALL_CHUNKED, install_chunked_code),
    "upload_chunk": Operation(UPLOAD_CHUNK, upload_chunk),
    "clear_chunk_store": Operation(CANISTER_ID, clear_chunk_store),
    "stored_chunks": Operation(CANISTER_ID, stored_chunks),
}
