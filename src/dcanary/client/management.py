"""The management canister, as a controller uses it from outside.

Source: IC interface specification, "The IC management canister".
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import Any, TypedDict

from dcanary.candid import Interface, parse_interface
from dcanary.client import principal
from dcanary.client.transport import Connection

CHUNK_BYTES = 1024 * 1024
INLINE_BYTES = 1_900_000

INTERFACE_TEXT = """
type settings = record { controllers : opt vec principal };
type mode = variant {
  install; reinstall;
  upgrade : opt record {
    skip_pre_upgrade : opt bool;
    wasm_memory_persistence : opt variant { keep; replace };
  };
};
service : {
  provisional_create_canister_with_cycles : (record {
    amount : opt nat; settings : opt settings; specified_id : opt principal;
  }) -> (record { canister_id : principal });
  provisional_top_up_canister : (record { canister_id : principal; amount : nat }) -> ();
  install_code : (record {
    mode : mode; canister_id : principal; wasm_module : blob; arg : blob;
  }) -> ();
  upload_chunk : (record { canister_id : principal; chunk : blob }) -> (record { hash : blob });
  clear_chunk_store : (record { canister_id : principal }) -> ();
  install_chunked_code : (record {
    mode : mode; target_canister : principal; store_canister : opt principal;
    chunk_hashes_list : vec record { hash : blob }; wasm_module_hash : blob; arg : blob;
  }) -> ();
  update_settings : (record { canister_id : principal; settings : settings }) -> ();
  start_canister : (record { canister_id : principal }) -> ();
  stop_canister : (record { canister_id : principal }) -> ();
  delete_canister : (record { canister_id : principal }) -> ();
  canister_status : (record { canister_id : principal }) -> (record {
    status : variant { running; stopping; stopped };
    module_hash : opt blob; cycles : nat; memory_size : nat;
    settings : record { controllers : vec principal };
  });
}
"""

_interface: Interface | None = None


def interface() -> Interface:
    """The part of the management canister's interface that DCanary uses, parsed once."""
    global _interface
    if _interface is None:
        _interface = parse_interface(INTERFACE_TEXT)
    return _interface


class Controllers(TypedDict):
    """The part of a canister's settings that DCanary reads."""

    controllers: list[str]


class CanisterStatus(TypedDict):
    """State, module and resources of a canister. `status` is running, stopping or stopped."""

    status: dict[str, None]
    module_hash: bytes | None
    cycles: int
    memory_size: int
    settings: Controllers


class Management:
    """Calls of one identity to the management canister."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _call(self, method: str, record: dict[str, Any], effective: bytes) -> Any:
        signature = interface().methods[method]
        reply = self._connection.update(
            principal.MANAGEMENT, method, signature.encode((record,)), effective
        )
        values = signature.decode(reply)
        return values[0] if values else None

    def create(self, effective: bytes, cycles: int | None = None) -> str:
        """A new canister on a local network (mainnet has no provisional creation). Its principal.

        `effective` is any canister id of the subnet.
        """
        record = {"amount": cycles, "settings": None, "specified_id": None}
        reply = self._call("provisional_create_canister_with_cycles", record, effective)
        return str(reply["canister_id"])

    def top_up(self, canister: str, cycles: int) -> None:
        """Give cycles to a canister of a local network. Raises RejectedError on others."""
        record = {"canister_id": canister, "amount": cycles}
        self._call("provisional_top_up_canister", record, principal.from_text(canister))

    def install(
        self,
        canister: str,
        module: bytes,
        arg: bytes,
        mode: str,
        *,
        keep_memory: bool = False,
        stopped: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> bytes:
        """Install a module of any size; `mode` is install, reinstall or upgrade. Its sha256.

        With `stopped`, the canister is stopped while its module is replaced: an answer to a call
        that the old module made must not reach the new one, whose functions have other numbers.
        `progress` is told (bytes sent, bytes in all).
        """
        raw = principal.from_text(canister)
        how: dict[str, Any] = {mode: None}
        if mode == "upgrade" and keep_memory:
            how = {"upgrade": {"skip_pre_upgrade": None, "wasm_memory_persistence": {"keep": None}}}
        digest = hashlib.sha256(module).digest()
        pause = self._stopped(canister) if stopped else contextlib.nullcontext()
        if len(module) + len(arg) <= INLINE_BYTES:
            whole = {"mode": how, "canister_id": canister, "wasm_module": module, "arg": arg}
            with pause:
                self._call("install_code", whole, raw)
            return digest
        in_chunks = {
            "mode": how,
            "target_canister": canister,
            "store_canister": None,
            "chunk_hashes_list": self._upload(canister, module, progress),
            "wasm_module_hash": digest,
            "arg": arg,
        }
        with pause:
            self._call("install_chunked_code", in_chunks, raw)
        self._call("clear_chunk_store", {"canister_id": canister}, raw)
        return digest

    def _upload(
        self, canister: str, module: bytes, progress: Callable[[int, int], None] | None
    ) -> list[dict[str, bytes]]:
        """Put a module into the canister's chunk store; the hashes of its chunks in order."""
        raw = principal.from_text(canister)
        self._call("clear_chunk_store", {"canister_id": canister}, raw)
        hashes = []
        for start in range(0, len(module), CHUNK_BYTES):
            chunk = module[start : start + CHUNK_BYTES]
            reply = self._call("upload_chunk", {"canister_id": canister, "chunk": chunk}, raw)
            hashes.append({"hash": reply["hash"]})
            if progress is not None:
                progress(start + len(chunk), len(module))
        return hashes

    @contextlib.contextmanager
    def _stopped(self, canister: str) -> Iterator[None]:
        try:
            self.stop(canister)
            yield
        finally:
            self.start(canister)

    def status(self, canister: str) -> CanisterStatus:
        """What a controller may know of a canister."""
        reply: CanisterStatus = self._call(
            "canister_status", {"canister_id": canister}, principal.from_text(canister)
        )
        return reply

    def start(self, canister: str) -> None:
        """Let a canister take calls again; no error where it does."""
        self._call("start_canister", {"canister_id": canister}, principal.from_text(canister))

    def stop(self, canister: str) -> None:
        """Stop a canister once its own calls are answered.

        Raises RejectedError after five minutes; it takes no calls then until it is started.
        """
        self._call("stop_canister", {"canister_id": canister}, principal.from_text(canister))
