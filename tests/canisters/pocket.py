"""Compiled canisters behind the published PocketIC client.

Runs unchanged against another PocketIC server: set POCKET_IC_BIN. Arguments and results are encoded
by the same canister loaded natively.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import ic
from ic.candid import Types
from ic.principal import Principal
from pocket_ic import PocketIC

from dcanary.testing.native import NativeCanister, NativeNetwork, PrincipalLike, as_principal
from tests.built import built_canister

CHUNK = 1_000_000
ANONYMOUS = as_principal(b"\x04")
_BLOB = Types.Vec(Types.Nat8)
_MODE = Types.Variant({"install": Types.Null, "upgrade": Types.Null})


class Pocket:
    """One PocketIC instance and the canisters installed in it by this test."""

    def __init__(self, owner: PrincipalLike) -> None:
        self.pic = PocketIC()
        self.owner = as_principal(owner)
        self._native = NativeNetwork()

    def install(self, main: Path, name: str) -> PocketCanister:
        """Build, create and install a canister whose first owner is `owner`."""
        self._be(self.owner)
        created = self.pic.create_canister()
        canister = created if isinstance(created, Principal) else Principal.from_str(str(created))
        twin = self._native.install(main)
        installed = PocketCanister(self, canister, twin, built_canister(main, name).wasm_gz)
        installed.put("install")
        return installed

    def run(self, seconds: int, rounds: int = 40) -> None:
        """Let time pass, and the timers and calls that come due do their work."""
        self.pic.advance_time(seconds * 1_000_000_000)
        for _ in range(rounds):
            self.pic.tick()

    def close(self) -> None:
        self.pic.server.request_client.close()

    def _be(self, sender: PrincipalLike) -> None:
        self.pic.set_sender(Principal(as_principal(sender).bytes))

    def manage(self, canister: Principal, method: str, fields: dict[str, Any], value: Any) -> None:
        """A call to the management canister about `canister`."""
        self._be(self.owner)
        self.pic.update_call_with_effective_principal(
            None,
            {"CanisterId": base64.b64encode(canister.bytes).decode()},
            method,
            ic.encode([{"type": Types.Record(fields), "value": value}]),
        )


class PocketCanister:
    """An installed canister; its calls take and give Python values."""

    def __init__(
        self, pocket: Pocket, canister: Principal, twin: NativeCanister, module: bytes
    ) -> None:
        self._pocket = pocket
        self._canister = canister
        self._twin = twin
        self._module = module
        self.id = as_principal(canister.bytes)

    def put(self, mode: str) -> None:
        """Install or upgrade to the built module, by chunks."""
        target = self._canister.bytes
        hashes = []
        for start in range(0, len(self._module), CHUNK):
            chunk = self._module[start : start + CHUNK]
            self._pocket.manage(
                self._canister,
                "upload_chunk",
                {"canister_id": Types.Principal, "chunk": _BLOB},
                {"canister_id": target, "chunk": chunk},
            )
            hashes.append({"hash": hashlib.sha256(chunk).digest()})
        self._pocket.manage(
            self._canister,
            "install_chunked_code",
            {
                "mode": _MODE,
                "target_canister": Types.Principal,
                "chunk_hashes_list": Types.Vec(Types.Record({"hash": _BLOB})),
                "wasm_module_hash": _BLOB,
                "arg": _BLOB,
            },
            {
                "mode": {mode: None},
                "target_canister": target,
                "chunk_hashes_list": hashes,
                "wasm_module_hash": hashlib.sha256(self._module).digest(),
                "arg": ic.encode([]),
            },
        )

    def update(self, method: str, *args: Any, caller: PrincipalLike) -> Any:
        """Raises ValueError when the call is rejected."""
        self._pocket._be(caller)
        data = self._twin.encode_arguments(method, args)
        answer = self._pocket.pic.update_call(self._canister, method, data)
        return self._twin.decode_result(method, bytes(answer))

    def query(self, method: str, *args: Any) -> Any:
        self._pocket._be(ANONYMOUS)
        data = self._twin.encode_arguments(method, args)
        answer = self._pocket.pic.query_call(self._canister, method, data)
        return self._twin.decode_result(method, bytes(answer))
