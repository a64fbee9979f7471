"""The compiled deployment canister on the embedded replica, against its real management canister.

Arguments and results are encoded by the same canister loaded natively.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.api import Ingress, Reply
from dcanary.replica.candid import NAT64, decode, encode
from dcanary.replica.engine import ReplicaEngine, open_engine
from dcanary.replica.engine.management import types
from dcanary.testing.native import NativeCanister, NativeNetwork, user_principal
from dcanary.wasm import build_canister

pytestmark = pytest.mark.replica

ROOT = Path(__file__).resolve().parents[3]
DOUBLES = Path(__file__).resolve().parent / "doubles"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dcanary"
OWNER = user_principal(1)
VERIFICATION = user_principal(94)
CHUNK = 1_000_000
CREATE = "provisional_create_canister_with_cycles"


def lay_out(folder: Path, source: Path, **settings: Any) -> Path:
    """A copy of a double beside the real `shared`, with module variables set to other values."""
    folder.mkdir()
    (folder / "shared").symlink_to(ROOT / "canisters" / "shared")
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

    def send(self, canister: bytes, method: str, arg: bytes, sender: bytes) -> bytes:
        self._sent += 1
        request = hashlib.sha256(b"%d" % self._sent).digest()
        expiry = self.engine.now() + 300_000_000_000
        refused = self.engine.submit(Ingress(request, sender, canister, method, arg, expiry))
        assert refused is None, refused
        for _ in range(1_000):
            self.engine.execute_round()
            status = self.engine.request_status(request)
            if status is not None and status.result is not None:
                assert isinstance(status.result, Reply), status.result
                return bytes(status.result.data)
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
        module = build_canister(main, name=name).wasm_gz
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
                "mode": {"install": None},
                "target_canister": canister,
                "chunk_hashes_list": hashes,
                "wasm_module_hash": hashlib.sha256(module).digest(),
                "arg": b"DIDL\0\0",
            },
        )
        self.twins[canister] = self._native.install(main)
        return canister

    def call(self, canister: bytes, method: str, *args: Any, sender: Any = OWNER) -> Any:
        twin = self.twins[canister]
        data = self.send(canister, method, twin._encode(method, args), sender.bytes)
        return twin._decode(method, data)

    def query(self, canister: bytes, method: str, *args: Any) -> Any:
        twin = self.twins[canister]
        answer = self.engine.query(OWNER.bytes, canister, method, twin._encode(method, args))
        assert isinstance(answer, Reply), answer
        return twin._decode(method, answer.data)

    def rounds(self, count: int = 60, seconds: int = 1) -> None:
        for _ in range(count):
            self.engine.execute_round(self.engine.now() + seconds * 1_000_000_000)


@pytest.fixture
def subnet() -> Iterator[Subnet]:
    engine = open_engine(None, cache_dir=CACHE / "test-modules")
    yield Subnet(engine)
    engine.close()


def test_install_upgrade_trapping_upgrade_and_rollback_of_real_modules(
    subnet: Subnet, tmp_path: Path
) -> None:
    deployment = subnet.deploy(ROOT / "canisters" / "deployment" / "main.py", "deployment")
    build_executor = subnet.deploy(
        lay_out(tmp_path / "held", DOUBLES / "build_executor.py"), "build_executor"
    )
    principal = type(OWNER)
    siblings = {
        "webhook": user_principal(91),
        "pipeline_config": user_principal(92),
        "build_executor": principal(build_executor),
        "verification": VERIFICATION,
        "deployment": principal(deployment),
    }
    assert subnet.call(deployment, "wire", siblings) == {"Ok": None}
    target = {
        "target": "counter",
        "repository": "demo",
        "network": "local",
        "canister": None,
        "controllers": [OWNER],
        "cycles": 0,
    }
    assert "Ok" in subnet.call(deployment, "register_target", target)

    def release(number: int, mode: str, **settings: Any) -> tuple[dict[str, Any], bytes]:
        main = lay_out(tmp_path / f"counter{number}", DOUBLES / "counter.py", **settings)
        module = build_canister(main, name="counter").wasm_gz
        assert len(module) > 2 * CHUNK
        run = f"run-{number}"
        for index in range(0, len(module), CHUNK):
            content = module[index : index + CHUNK]
            subnet.call(
                build_executor, "hold", run, "counter.wasm.gz", str(index // CHUNK), content
            )
        order = {
            "approval": f"approval-{number}",
            "run": run,
            "repository": "demo",
            "target": "counter",
            "stage": "build",
            "artifact": "counter.wasm.gz",
            "sha256": hashlib.sha256(module).hexdigest(),
            "size": len(module),
            "mode": {mode: None},
            "memory": {"Default": None},
            "install_arg": b"",
            "upgrade_arg": b"",
        }
        started = subnet.call(deployment, "start_release", order, sender=VERIFICATION)
        subnet.rounds()
        shown = subnet.query(deployment, "get_release", started["Ok"])["Ok"]
        return shown, hashlib.sha256(module).digest()

    planned = subnet.call(deployment, "plan_mode", "counter", "demo", sender=VERIFICATION)
    assert planned == {"Ok": {"Install": None}}
    first, first_hash = release(1, "Install")
    assert first["state"] == {"Succeeded": None}
    counter = first["canister"].bytes
    view = subnet.engine.canister(counter)
    assert view is not None
    assert view.module_hash == first_hash
    assert set(view.controllers) == {deployment, OWNER.bytes}

    def read() -> int:
        answer = subnet.engine.query(OWNER.bytes, counter, "read", b"DIDL\0\0")
        assert isinstance(answer, Reply), answer
        (value,) = decode([NAT64], answer.data)
        return int(value)

    subnet.send(counter, "increment", b"DIDL\0\0", OWNER.bytes)
    assert read() == 1
    planned = subnet.call(deployment, "plan_mode", "counter", "demo", sender=VERIFICATION)
    assert planned == {"Ok": {"Upgrade": None}}

    second, second_hash = release(2, "Upgrade", STEP=10)
    assert second["state"] == {"Succeeded": None}
    assert second["previous_hash"] == first_hash
    subnet.send(counter, "increment", b"DIDL\0\0", OWNER.bytes)
    assert read() == 11

    third, _ = release(3, "Upgrade", TRAPS=True)
    assert "this version cannot be upgraded to" in third["state"]["Failed"]
    assert read() == 11
    view = subnet.engine.canister(counter)
    assert view is not None
    assert view.module_hash == second_hash

    assert "Ok" in subnet.call(deployment, "rollback_release", second["release"])
    subnet.rounds()
    shown = subnet.query(deployment, "get_release", second["release"])["Ok"]
    assert shown["state"] == {"RolledBack": None}
    assert read() == 1
    view = subnet.engine.canister(counter)
    assert view is not None
    assert view.module_hash == first_hash
    assert subnet.query(deployment, "get_target", "counter")["Ok"]["busy"] is None
    print(dict(subnet.query(deployment, "instructions")))
