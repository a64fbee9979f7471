"""The recorded installation on the embedded replica: five Wasm modules over its stable memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import wasmtime

from dcanary.client.system import CANISTERS
from dcanary.replica.engine.management import types
from dcanary.testing.native import NativeCanister, NativeNetwork, Principal
from tests.built import built_canister
from tests.canisters.deployment.replica_subnet import CHUNK, CREATE, OWNER, Subnet
from tests.canisters.installation import CANISTERS as SOURCES
from tests.canisters.upgrade.recorded import Recorded
from tests.fixtures.stable.record import History

PAGE_BYTES = 65_536
EMPTY = b"DIDL\0\0"
WRITER = """
(module
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "msg_reply" (func $reply))
  (memory 32)
  (func (export "canister_update write")
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (drop (call $grow (i64.load (i32.const 8))))
    (call $write
      (i64.load (i32.const 0))
      (i64.const 16)
      (i64.extend_i32_u (i32.sub (call $size) (i32.const 16))))
    (call $reply)))
"""
"""Writes stable memory: the argument is an offset, the pages to grow by, and the bytes."""


class _Clock:
    """What `History` asks of a network."""

    def __init__(self, subnet: Subnet) -> None:
        self.subnet = subnet

    def advance(self, seconds: float) -> None:
        """Let time pass in steps of a second, each with what is due in it."""
        self.subnet.rounds(10, seconds=0)
        for _ in range(round(seconds)):
            self.subnet.rounds(2)


class _Remote:
    """What `History` asks of a canister."""

    def __init__(self, subnet: Subnet, canister: bytes) -> None:
        self.subnet = subnet
        self.canister = canister
        self.id = Principal(canister)

    def update(self, method: str, *args: Any, caller: Any = OWNER) -> Any:
        return self.subnet.call(self.canister, method, *args, sender=caller)

    def query(self, method: str, *args: Any) -> Any:
        return self.subnet.query(self.canister, method, *args)


class OnReplica(History):
    """The recorded installation, upgraded to today's modules."""

    def __init__(
        self, subnet: Subnet, fixture: Recorded, upgraded: Callable[[OnReplica, str], None]
    ) -> None:
        """`upgraded` is called after each canister's upgrade, before what it does next."""
        self.subnet = subnet
        subnet.engine.set_time(fixture.time_ns)
        native = NativeNetwork()
        remotes = {}
        for name in CANISTERS:
            canister = Principal.from_str(fixture.ids[name]).bytes
            self._restore(canister, fixture.stable[name])
            twin: NativeCanister = native.install(SOURCES / name / "main.py")
            subnet.twins[canister] = twin
            remotes[name] = _Remote(subnet, canister)
        self.canisters: Any = remotes
        self.network: Any = _Clock(subnet)
        for name, remote in remotes.items():
            self._upgrade(remote.canister, name)
            upgraded(self, name)

    def _restore(self, canister: bytes, stable: bytes) -> None:
        """A canister of this id whose stable memory is this."""
        self.subnet.management(CREATE, types.PROVISIONAL_CREATE, {"specified_id": canister})
        self.subnet.management(
            "install_code",
            types.INSTALL_CODE,
            {
                "mode": {"install": None},
                "canister_id": canister,
                "wasm_module": bytes(wasmtime.wat2wasm(WRITER)),
                "arg": EMPTY,
            },
        )
        pages = len(stable) // PAGE_BYTES
        for offset in range(0, len(stable), CHUNK):
            head = offset.to_bytes(8, "little") + pages.to_bytes(8, "little")
            self.subnet.send(canister, "write", head + stable[offset : offset + CHUNK], OWNER.bytes)
            pages = 0

    def _upgrade(self, canister: bytes, name: str) -> None:
        module = built_canister(SOURCES / name / "main.py", name).wasm_gz
        hashes = []
        for start in range(0, len(module), CHUNK):
            chunk = module[start : start + CHUNK]
            given = {"canister_id": canister, "chunk": chunk}
            self.subnet.management("upload_chunk", types.UPLOAD_CHUNK, given)
            hashes.append({"hash": hashlib.sha256(chunk).digest()})
        self.subnet.management(
            "install_chunked_code",
            types.INSTALL_CHUNKED,
            {
                "mode": {"upgrade": None},
                "target_canister": canister,
                "chunk_hashes_list": hashes,
                "wasm_module_hash": hashlib.sha256(module).digest(),
                "arg": EMPTY,
            },
        )
