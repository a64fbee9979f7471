"""Canister snapshots: take, load, list, delete."""

from __future__ import annotations

from typing import Any

from dcanary.candid.principal import to_text
from dcanary.replica.api import Reply
from dcanary.replica.engine.management.canisters import uninstall
from dcanary.replica.engine.management.context import (
    NOTHING,
    Call,
    Operation,
    refused,
    reply,
)
from dcanary.replica.engine.management.snapshot_parts import assemble
from dcanary.replica.engine.management.types import (
    CANISTER_ID,
    DELETE_SNAPSHOT,
    LOAD_SNAPSHOT,
    SNAPSHOT,
    SNAPSHOTS,
    TAKE_SNAPSHOT,
)
from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import Canister, Snapshot
from dcanary.replica.vm.body import Body


def find(canister: Canister, snapshot_id: bytes) -> Snapshot:
    """A snapshot of a canister. Raises CallError when there is none."""
    found = canister.snapshots.get(snapshot_id)
    if found is None:
        raise CallError(
            ErrorCode.SNAPSHOT_NOT_FOUND,
            f"Could not find the snapshot ID {snapshot_id.hex()} for canister "
            f"{to_text(canister.id)}.",
        )
    return found


def _record(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "taken_at_timestamp": snapshot.time,
        "total_size": snapshot.size,
    }


def charge(call: Call, canister: Canister, instructions: int) -> None:
    """Take the price of work on a snapshot. Raises CallError without enough cycles."""
    price = call.core.costs.instruction * instructions
    call.core.require(canister, price)
    call.core.consume(canister, price)


def _charge_copy(call: Call, canister: Canister, size: int) -> None:
    charge(call, canister, call.core.costs.snapshot_instructions + size)


def check_room(canister: Canister, replaced: bytes | None) -> None:
    """Raises CallError when there are too many snapshots, or none to replace."""
    if replaced is not None:
        find(canister, replaced)
    elif len(canister.snapshots) >= limits.MAX_SNAPSHOTS:
        raise refused(
            f"Canister {to_text(canister.id)} has reached the maximum number of snapshots "
            f"allowed: {limits.MAX_SNAPSHOTS}."
        )


def new_id(canister: Canister) -> bytes:
    """An id for the canister's next snapshot."""
    counter = canister.snapshot_counter
    canister.snapshot_counter += 1
    return bytes((len(canister.id),)) + canister.id + counter.to_bytes(8, "big")


def add(canister: Canister, snapshot: Snapshot, replaced: bytes | None) -> None:
    """Keep a snapshot, in place of another one if so wished."""
    if replaced is not None:
        del canister.snapshots[replaced]
    canister.snapshots[snapshot.id] = snapshot


def take(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.controlled(arg["canister_id"])
    check_room(canister, arg["replace_snapshot"])
    body = call.core.body(canister)
    assert body.module is not None
    heap_size = body.memory.committed_size
    size = heap_size + body.stable.size + len(body.module.parsed.wasm)
    _charge_copy(call, canister, heap_size + body.stable.size)
    blobs = call.core.blobs
    snapshot = Snapshot(
        id=new_id(canister),
        time=call.core.subnet.now,
        version=canister.version,
        module=canister.module,
        heap=blobs.put(body.memory.read_image(0, heap_size) if heap_size else b""),
        heap_size=heap_size,
        stable=blobs.put(body.stable.content()),
        stable_pages=body.stable.pages,
        globals=body.globals or b"",
        certified_data=canister.certified_data,
        timer=canister.timer,
        chunks=dict(canister.chunks),
        size=size + sum(canister.chunks.values()),
    )
    add(canister, snapshot, arg["replace_snapshot"])
    if arg["uninstall_code"]:
        uninstall(call.core, canister, "its code was removed when a snapshot was taken")
        change = call.change(canister, "code_uninstall", arg["sender_canister_version"])
        call.core.record(canister, change)
    return reply(SNAPSHOT, _record(snapshot))


def _foreign(call: Call, snapshot_id: bytes) -> Snapshot:
    """A snapshot of another canister, whose controller the caller must be too."""
    owner = snapshot_id[1:-8] if len(snapshot_id) > 9 else b""
    canister = call.core.subnet.canisters.get(owner)
    if canister is None:
        raise CallError(
            ErrorCode.SNAPSHOT_NOT_FOUND, f"Could not find the snapshot ID {snapshot_id.hex()}."
        )
    snapshot = find(canister, snapshot_id)
    call.controlled(owner)
    return snapshot


def load(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.controlled(arg["canister_id"])
    snapshot_id = arg["snapshot_id"]
    snapshot = canister.snapshots.get(snapshot_id) or _foreign(call, snapshot_id)
    _charge_copy(call, canister, snapshot.size)
    assemble(call.core, snapshot)
    core = call.core
    module = core.compile(canister, core.blobs.get(snapshot.module))
    body = Body(core.runtime, module)
    try:
        heap = core.blobs.get(snapshot.heap)
        body.memory.set_image_size(snapshot.heap_size)
        if heap:
            body.memory.write_image(0, heap)
        body.stable.replace(core.blobs.get(snapshot.stable))
        body.globals = snapshot.globals or None
        body.instance()
    except BaseException:
        body.close()
        raise
    core.put_body(canister, body)
    canister.module = module.hash
    canister.installed = core.subnet.now
    canister.certified_data = snapshot.certified_data
    canister.timer = snapshot.timer
    canister.chunks = dict(snapshot.chunks)
    canister.version += 1
    core.index(canister)
    change = call.change(canister, "load_snapshot", arg["sender_canister_version"])
    change.snapshot, change.snapshot_time = snapshot.id, snapshot.time
    change.snapshot_version = snapshot.version
    core.record(canister, change)
    return NOTHING


def list_snapshots(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.controlled(arg["canister_id"])
    return reply(SNAPSHOTS, [_record(item) for item in canister.snapshots.values()])


def delete(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.controlled(arg["canister_id"])
    find(canister, arg["snapshot_id"])
    del canister.snapshots[arg["snapshot_id"]]
    return NOTHING


OPERATIONS = {
    "take_canister_snapshot": Operation(TAKE_SNAPSHOT, take),
    "load_canister_snapshot": Operation(LOAD_SNAPSHOT, load),
    "list_canister_snapshots": Operation(CANISTER_ID, list_snapshots),
    "delete_canister_snapshot": Operation(DELETE_SNAPSHOT, delete),
}
