"""A subnet to send messages to (fixtures: conftest)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from dcanary.candid import Codec
from dcanary.replica.api import Ingress, Reject, Reply
from dcanary.replica.engine import ReplicaEngine
from dcanary.replica.engine.management import types
from tests.replica.helpers.candid import decode, encode

USER = b"\x04"


class Harness:
    """Talks to an engine as a user would, running rounds until there is an answer."""

    def __init__(self, engine: ReplicaEngine) -> None:
        self.engine = engine
        self._next = 0

    def submit(
        self, canister: bytes, method: str, arg: bytes = b"DIDL\0\0", sender: bytes = USER
    ) -> bytes | Reject:
        """Returns the request id, or why the message was not accepted."""
        self._next += 1
        request_id = hashlib.sha256(b"%d %d" % (self._next, self.engine.now())).digest()
        expiry = self.engine.now() + 300_000_000_000
        refused = self.engine.submit(Ingress(request_id, sender, canister, method, arg, expiry))
        return request_id if refused is None else refused

    def result(self, request_id: bytes) -> Reply | Reject | None:
        status = self.engine.request_status(request_id)
        assert status is not None
        return status.result

    def call(
        self, canister: bytes, method: str, arg: bytes = b"DIDL\0\0", sender: bytes = USER
    ) -> Reply | Reject:
        """Send an update and wait for its answer."""
        request_id = self.submit(canister, method, arg, sender)
        if isinstance(request_id, Reject):
            return request_id
        for _ in range(100):
            self.engine.execute_round()
            result = self.result(request_id)
            if result is not None:
                return result
        raise AssertionError(f"{method} was not answered in 100 rounds")

    def update(
        self,
        canister: bytes,
        method: str,
        kinds: Sequence[Codec] = (),
        values: Sequence[Any] = (),
        returns: Sequence[Codec] = (),
        sender: bytes = USER,
    ) -> list[Any]:
        """Call with Candid values; fails the test when the call is rejected."""
        answer = self.call(canister, method, encode(kinds, values), sender)
        assert isinstance(answer, Reply), answer
        return decode(returns, answer.data)

    def query(
        self,
        canister: bytes,
        method: str,
        kinds: Sequence[Codec] = (),
        values: Sequence[Any] = (),
        returns: Sequence[Codec] = (),
        sender: bytes = USER,
    ) -> list[Any]:
        answer = self.engine.query(sender, canister, method, encode(kinds, values))
        assert isinstance(answer, Reply), answer
        return decode(returns, answer.data)

    def management(
        self,
        method: str,
        kind: Codec,
        value: dict[str, Any],
        returns: Sequence[Codec] = (),
        sender: bytes = USER,
    ) -> list[Any]:
        return self.update(b"", method, [kind], [value], returns, sender)

    def try_management(
        self, method: str, kind: Codec, value: dict[str, Any], sender: bytes = USER
    ) -> Reply | Reject:
        return self.call(b"", method, encode([kind], [value]), sender)

    def create(self, sender: bytes = USER, **given: Any) -> bytes:
        (record,) = self.management(
            "provisional_create_canister_with_cycles",
            types.PROVISIONAL_CREATE,
            given,
            [types.CANISTER_ID],
            sender,
        )
        canister: bytes = record["canister_id"]
        return canister

    def install(
        self,
        canister: bytes,
        wasm: bytes,
        mode: str = "install",
        arg: bytes = b"DIDL\0\0",
        keep: bool | None = None,
        sender: bytes = USER,
    ) -> Reply | Reject:
        options = None
        if keep is not None:
            options = {"wasm_memory_persistence": {"keep" if keep else "replace": None}}
        return self.try_management(
            "install_code",
            types.INSTALL_CODE,
            {
                "mode": {mode: options if mode == "upgrade" else None},
                "canister_id": canister,
                "wasm_module": wasm,
                "arg": arg,
            },
            sender,
        )

    def deploy(self, wasm: bytes, arg: bytes = b"DIDL\0\0", **given: Any) -> bytes:
        """Create a canister and install code; fails the test when it does not work."""
        canister = self.create(**given)
        installed = self.install(canister, wasm, arg=arg)
        assert isinstance(installed, Reply), installed
        return canister

    def status(self, canister: bytes) -> dict[str, Any]:
        (record,) = self.management(
            "canister_status",
            types.CANISTER_ID,
            {"canister_id": canister},
            [types.CANISTER_STATUS],
        )
        found: dict[str, Any] = record
        return found
