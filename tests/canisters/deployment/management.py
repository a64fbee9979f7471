"""An in-memory management canister for canisters on the native network.

It keeps to the interface specification where deployment can notice: only controllers may act, a
snapshot needs a stopped canister or one that runs nothing, a module is put together from stored
chunks and must have the given hash, an install that traps changes nothing. A "module" is any
bytes; `TRAPPING` in it makes its init or post_upgrade trap. A canister's "state" is the text of
what happened to it, so that tests see whether it was kept. Replies are encoded by ic-py with all
fields of today's records.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ic.candid import Types, encode

from dcanary.testing.native import CanisterReject, NoAnswer, as_principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcanary.testing.native import ManagementCall, NativeNetwork

TRAPPING = b"traps in post_upgrade"
MAX_SNAPSHOTS = 10
MAX_CHUNK = 1_048_576

BLOB = Types.Vec(Types.Nat8)
STATUS = Types.Record(
    {
        "status": Types.Variant(
            {"running": Types.Null, "stopping": Types.Null, "stopped": Types.Null}
        ),
        "ready_for_migration": Types.Bool,
        "version": Types.Nat64,
        "settings": Types.Record(
            {
                "controllers": Types.Vec(Types.Principal),
                "compute_allocation": Types.Nat,
                "memory_allocation": Types.Nat,
                "freezing_threshold": Types.Nat,
                "reserved_cycles_limit": Types.Nat,
                "wasm_memory_limit": Types.Nat,
                "wasm_memory_threshold": Types.Nat,
            }
        ),
        "module_hash": Types.Opt(BLOB),
        "memory_size": Types.Nat,
        "cycles": Types.Nat,
        "reserved_cycles": Types.Nat,
        "idle_cycles_burned_per_day": Types.Nat,
    }
)
INFO = Types.Record(
    {
        "total_num_changes": Types.Nat64,
        "recent_changes": Types.Vec(
            Types.Record(
                {
                    "timestamp_nanos": Types.Nat64,
                    "canister_version": Types.Nat64,
                    "origin": Types.Variant(
                        {
                            "from_user": Types.Record({"user_id": Types.Principal}),
                            "from_canister": Types.Record(
                                {
                                    "canister_id": Types.Principal,
                                    "canister_version": Types.Opt(Types.Nat64),
                                }
                            ),
                        }
                    ),
                }
            )
        ),
        "module_hash": Types.Opt(BLOB),
        "controllers": Types.Vec(Types.Principal),
    }
)
SNAPSHOT = Types.Record({"id": BLOB, "taken_at_timestamp": Types.Nat64, "total_size": Types.Nat64})


@dataclass
class Snapshot:
    id: bytes
    taken_ns: int
    module: bytes | None
    state: str


@dataclass
class Canister:
    """A canister of the world. `hangs`: it never finishes stopping."""

    id: bytes
    controllers: list[bytes]
    cycles: int = 0
    module: bytes | None = None
    state: str = ""
    status: str = "running"
    hangs: bool = False
    loaded: bytes = b""
    """The snapshot that it loaded last."""
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)
    args: list[bytes] = field(default_factory=list)
    changes: list[tuple[int, bytes, bool]] = field(default_factory=list)
    """Who changed it when: nanoseconds, principal, whether that is a canister."""
    burned_per_day: int = 0
    memory_bytes: int = 0
    reserved: int = 0
    freezing_seconds: int = 86_400

    def changed_by_hand(self, module: bytes, state: str, who: bytes = b"\x01hand") -> None:
        """Somebody else installs a module."""
        self.module, self.state = module, state
        self.changes.append((1_000_000_000, who, False))

    modes: list[Any] = field(default_factory=list)


class Management:
    """Register with `attach`; `calls` lists the methods in order; `faults` are used up in order.

    A fault is "reject" (not done, code 5), "transient" (not done, code 2), "silent" (done, but not
    answered), "ignored" (not done, and not answered), "lost" (done, but the answer will not arrive)
    or "never" (not done, and no answer arrives). For the last two, `on_loss` must see to it that
    the answer is lost.
    """

    METHODS = (
        "create_canister",
        "deposit_cycles",
        "canister_status",
        "canister_info",
        "update_settings",
        "start_canister",
        "stop_canister",
        "delete_canister",
        "clear_chunk_store",
        "upload_chunk",
        "install_chunked_code",
        "uninstall_code",
        "take_canister_snapshot",
        "load_canister_snapshot",
        "list_canister_snapshots",
    )

    def __init__(self, network: NativeNetwork) -> None:
        self.network = network
        self.canisters: dict[bytes, Canister] = {}
        self.calls: list[str] = []
        self.faults: dict[str, list[str]] = {}
        self.on_loss: Callable[[], None] = lambda: None
        self._created = 0
        self._taken = 0
        for method in self.METHODS:
            network.management[method] = self._handler(method)

    def add(self, canister: Canister) -> Canister:
        self.canisters[canister.id] = canister
        return canister

    def _handler(self, method: str) -> Callable[[ManagementCall], bytes]:
        def handle(call: ManagementCall) -> bytes:
            self.calls.append(method)
            planned = self.faults.get(method) or []
            fault = planned.pop(0) if planned else ""
            if fault == "reject":
                raise CanisterReject(5, f"IC0502: {method} was told to fail")
            if fault == "transient":
                raise CanisterReject(2, f"IC0201: {method} found a full queue")
            if fault == "never":
                self.on_loss()
                raise CanisterReject(2, "never seen")
            if fault == "ignored":
                raise NoAnswer
            answer: bytes = getattr(self, f"_{method}")(call)
            if fault == "silent":
                raise NoAnswer
            if fault == "lost":
                self.on_loss()
            return answer

        return handle

    def _read(self, call: ManagementCall, record: str) -> dict[str, Any]:
        words = call.canister.module("shared.types.management")
        given: dict[str, Any] = call.canister.decode(getattr(words, record), call.raw)
        return given

    def _of(self, call: ManagementCall, id: Any) -> Canister:
        canister = self.canisters.get(as_principal(id).bytes)
        if canister is None:
            raise CanisterReject(3, f"IC0301: Canister {as_principal(id)} not found")
        if call.caller.bytes not in canister.controllers:
            raise CanisterReject(
                5, f"IC0512: Only controllers of canister {as_principal(id)} can call this"
            )
        return canister

    def _target(self, call: ManagementCall, record: str = "CanisterIdRecord") -> Canister:
        return self._of(call, self._read(call, record)["canister_id"])

    def _create_canister(self, call: ManagementCall) -> bytes:
        given = self._read(call, "CreateCanisterArgs")
        self._created += 1
        id = (9_000 + self._created).to_bytes(8, "big") + b"\x01\x01"
        controllers = [one.bytes for one in given["settings"]["controllers"]]
        made = self.add(Canister(id, controllers, call.cycles))
        self._note(made, call)
        record = Types.Record({"canister_id": Types.Principal})
        return reply(record, {"canister_id": id})

    def _deposit_cycles(self, call: ManagementCall) -> bytes:
        id = as_principal(self._read(call, "CanisterIdRecord")["canister_id"])
        if id.bytes not in self.canisters:
            raise CanisterReject(3, f"IC0301: Canister {id} not found")
        self.canisters[id.bytes].cycles += call.cycles
        return nothing()

    def _note(self, canister: Canister, call: ManagementCall) -> None:
        canister.changes.append((self.network.time_ns, call.caller.bytes, True))

    def _canister_info(self, call: ManagementCall) -> bytes:
        given = self._read(call, "CanisterInfoArgs")
        canister = self._of(call, given["canister_id"])
        digest = [] if canister.module is None else [list(sha256(canister.module))]
        return reply(
            INFO,
            {
                "total_num_changes": len(canister.changes),
                "recent_changes": [
                    {
                        "timestamp_nanos": at,
                        "canister_version": 1,
                        "origin": {"from_canister": {"canister_id": who, "canister_version": [1]}}
                        if is_canister
                        else {"from_user": {"user_id": who}},
                    }
                    for at, who, is_canister in canister.changes[-5:]
                ],
                "module_hash": digest,
                "controllers": canister.controllers,
            },
        )

    def _update_settings(self, call: ManagementCall) -> bytes:
        given = self._read(call, "UpdateSettingsArgs")
        canister = self._of(call, given["canister_id"])
        canister.controllers = [one.bytes for one in given["settings"]["controllers"]]
        self._note(canister, call)
        return nothing()

    def _canister_status(self, call: ManagementCall) -> bytes:
        canister = self._target(call)
        digest = [] if canister.module is None else [list(sha256(canister.module))]
        settings: dict[str, Any] = {"controllers": canister.controllers}
        for name in (
            "compute_allocation",
            "memory_allocation",
            "freezing_threshold",
            "reserved_cycles_limit",
            "wasm_memory_limit",
            "wasm_memory_threshold",
        ):
            settings[name] = 0
        settings["freezing_threshold"] = canister.freezing_seconds
        return reply(
            STATUS,
            {
                "status": {canister.status: None},
                "ready_for_migration": False,
                "version": 1,
                "settings": settings,
                "module_hash": digest,
                "memory_size": canister.memory_bytes,
                "cycles": canister.cycles,
                "reserved_cycles": canister.reserved,
                "idle_cycles_burned_per_day": canister.burned_per_day,
            },
        )

    def _start_canister(self, call: ManagementCall) -> bytes:
        self._target(call).status = "running"
        return nothing()

    def _stop_canister(self, call: ManagementCall) -> bytes:
        canister = self._target(call)
        if canister.hangs:
            canister.status = "stopping"
            raise CanisterReject(2, "IC0206: Stop canister request timed out")
        canister.status = "stopped"
        return nothing()

    def _delete_canister(self, call: ManagementCall) -> bytes:
        canister = self._target(call)
        if canister.status != "stopped":
            raise CanisterReject(5, "IC0510: Canister is not stopped")
        del self.canisters[canister.id]
        return nothing()

    def _clear_chunk_store(self, call: ManagementCall) -> bytes:
        self._target(call).chunks.clear()
        return nothing()

    def _upload_chunk(self, call: ManagementCall) -> bytes:
        given = self._read(call, "UploadChunkArgs")
        canister = self._of(call, given["canister_id"])
        if len(given["chunk"]) > MAX_CHUNK:
            raise CanisterReject(5, "the chunk is larger than 1 MiB")
        digest = sha256(given["chunk"])
        canister.chunks[digest] = given["chunk"]
        return reply(Types.Record({"hash": BLOB}), {"hash": list(digest)})

    def _install_chunked_code(self, call: ManagementCall) -> bytes:
        given = self._read(call, "InstallChunkedCodeArgs")
        canister = self._of(call, given["target_canister"])
        try:
            module = b"".join(canister.chunks[one["hash"]] for one in given["chunk_hashes_list"])
        except KeyError as missing:
            raise CanisterReject(5, f"the chunk {missing} is not in the store") from None
        if sha256(module) != given["wasm_module_hash"]:
            raise CanisterReject(5, "the chunks do not have the module hash that was given")
        (mode,) = given["mode"]
        if mode == "install" and canister.module is not None:
            raise CanisterReject(5, "IC0538: the canister has a module already")
        if mode == "upgrade" and canister.module is None:
            raise CanisterReject(5, "IC0537: the canister has no module")
        if TRAPPING in module:
            raise CanisterReject(5, "IC0503: Canister called `ic0.trap` with message: 'no'")
        self._note(canister, call)
        canister.module = module
        canister.state = f"{canister.state} upgraded" if mode == "upgrade" else "fresh"
        canister.args.append(given["arg"])
        canister.modes.append(given["mode"])
        return nothing()

    def _uninstall_code(self, call: ManagementCall) -> bytes:
        canister = self._target(call)
        canister.module, canister.state = None, ""
        self._note(canister, call)
        return nothing()

    def _take_canister_snapshot(self, call: ManagementCall) -> bytes:
        given = self._read(call, "TakeSnapshotArgs")
        canister = self._of(call, given["canister_id"])
        if canister.status != "stopped":
            raise CanisterReject(5, "the double insists on a stopped canister")
        replaced = given["replace_snapshot"]
        if replaced is not None:
            canister.snapshots.remove(find(canister, replaced))
        if len(canister.snapshots) >= MAX_SNAPSHOTS:
            raise CanisterReject(5, "the canister has 10 snapshots")
        self._taken += 1
        snapshot = Snapshot(
            b"snapshot" + bytes([self._taken]),
            self.network.time_ns,
            canister.module,
            canister.state,
        )
        canister.snapshots.append(snapshot)
        return reply(SNAPSHOT, described(snapshot))

    def _load_canister_snapshot(self, call: ManagementCall) -> bytes:
        given = self._read(call, "SnapshotArgs")
        canister = self._of(call, given["canister_id"])
        snapshot = find(canister, given["snapshot_id"])
        if canister.status != "stopped":
            raise CanisterReject(5, "the double insists on a stopped canister")
        canister.module, canister.state = snapshot.module, snapshot.state
        canister.loaded = snapshot.id
        self._note(canister, call)
        return nothing()

    def _list_canister_snapshots(self, call: ManagementCall) -> bytes:
        canister = self._target(call)
        return reply(Types.Vec(SNAPSHOT), [described(one) for one in canister.snapshots])


def find(canister: Canister, id: bytes) -> Snapshot:
    for snapshot in canister.snapshots:
        if snapshot.id == id:
            return snapshot
    raise CanisterReject(3, "IC0305: the snapshot does not exist")


def described(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": list(snapshot.id),
        "taken_at_timestamp": snapshot.taken_ns,
        "total_size": len(snapshot.module or b""),
    }


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def reply(type: Any, value: Any) -> bytes:
    return bytes(encode([{"type": type, "value": value}]))


def nothing() -> bytes:
    return b"DIDL\x00\x00"
