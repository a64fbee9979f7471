"""Compiled canisters on the embedded replica, called by the codecs of their native twins."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from dcanary.replica.api import Ingress, Reply
from dcanary.replica.engine import ReplicaEngine
from dcanary.replica.engine.management import types
from dcanary.replica.opening import open_engine
from dcanary.testing.native import NativeCanister, NativeNetwork, user_principal
from tests.built import built_canister
from tests.replica.helpers.candid import decode, encode

ROOT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dcanary"
OWNER = user_principal(1)
CHUNK = 1_000_000
CREATE = "provisional_create_canister_with_cycles"


def open_subnet() -> Subnet:
    """A subnet in memory; the caller closes its engine."""
    return Subnet(open_engine(None, cache_dir=CACHE / "test-modules"))


def lay_out(folder: Path, source: Path, **settings: Any) -> Path:
    """A copy of a double beside the real `shared`, with module variables set to other values."""
    folder.mkdir()
    (folder / "shared").symlink_to(ROOT / "shared")
    main = folder / "main.py"
    shutil.copyfile(source, main)
    text = main.read_text()
    for name, value in settings.items():
        lines = [
            f"{name} = {value!r}" if line.startswith(f"{name} = ") else line
            for line in text.splitlines()
        ]
        text = "\n".join(lines) + "\n"
    main.write_text(text)
    return main


class Subnet:
    """An engine and what a user does with it."""

    def __init__(self, engine: ReplicaEngine) -> None:
        self.engine = engine
        self.twins: dict[bytes, NativeCanister] = {}
        self._native = NativeNetwork()
        self._sent = 0

    def begin(self, canister: bytes, method: str, arg: bytes, sender: bytes) -> bytes:
        """Send an update without waiting for its answer; its request id."""
        self._sent += 1
        request = hashlib.sha256(b"%d" % self._sent).digest()
        expiry = self.engine.now() + 300_000_000_000
        refused = self.engine.submit(Ingress(request, sender, canister, method, arg, expiry))
        assert refused is None, refused
        return request

    def answer(self, request: bytes) -> bytes | None:
        """The reply, None while there is none; fails the test when the call was rejected."""
        status = self.engine.request_status(request)
        if status is None or status.result is None:
            return None
        assert isinstance(status.result, Reply), status.result
        return bytes(status.result.data)

    def send(self, canister: bytes, method: str, arg: bytes, sender: bytes) -> bytes:
        request = self.begin(canister, method, arg, sender)
        for _ in range(1_000):
            self.engine.execute_round()
            answer = self.answer(request)
            if answer is not None:
                return answer
        raise AssertionError(f"{method} was not answered")

    def management(self, method: str, kind: Any, value: dict[str, Any]) -> bytes:
        return self.send(b"", method, encode([kind], [value]), OWNER.bytes)

    def deploy(self, main: Path, name: str) -> bytes:
        """Build, create and install a canister; it can be called by `call` from then on."""
        (record,) = decode(
            [types.CANISTER_ID],
            self.management(CREATE, types.PROVISIONAL_CREATE, {}),
        )
        canister: bytes = record["canister_id"]
        self.install(canister, built_canister(main, name).wasm_gz, "install")
        self.twins[canister] = self._native.install(main)
        return canister

    def install(self, canister: bytes, module: bytes, mode: str) -> None:
        hashes = []
        for start in range(0, len(module), CHUNK):
            chunk = module[start : start + CHUNK]
            given = {"canister_id": canister, "chunk": chunk}
            self.management("upload_chunk", types.UPLOAD_CHUNK, given)
            hashes.append({"hash": hashlib.sha256(chunk).digest()})
        self.management(
            "install_chunked_code",
            types.INSTALL_CHUNKED,
            {
                "mode": {mode: None},
                "target_canister": canister,
                "chunk_hashes_list": hashes,
                "wasm_module_hash": hashlib.sha256(module).digest(),
                "arg": b"DIDL\0\0",
            },
        )

    def call(self, canister: bytes, method: str, *args: Any, sender: Any = OWNER) -> Any:
        twin = self.twins[canister]
        data = self.send(canister, method, twin.encode_arguments(method, args), sender.bytes)
        return twin.decode_result(method, data)

    def query(self, canister: bytes, method: str, *args: Any) -> Any:
        twin = self.twins[canister]
        answer = self.engine.query(
            OWNER.bytes, canister, method, twin.encode_arguments(method, args)
        )
        assert isinstance(answer, Reply), answer
        return twin.decode_result(method, answer.data)

    def rounds(self, count: int = 60, seconds: int = 1) -> None:
        for _ in range(count):
            self.engine.execute_round(self.engine.now() + seconds * 1_000_000_000)
