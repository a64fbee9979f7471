"""The compiled deployment canister on the embedded replica, against its real management canister.

Arguments and results are encoded by the same canister loaded natively.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.api import Reply
from dcanary.wasm import build_canister
from tests.canisters.deployment.replica_orders import VERIFICATION, Installed
from tests.canisters.deployment.replica_subnet import CHUNK, OWNER, Subnet, lay_out, open_subnet
from tests.replica.helpers.candid import NAT64, decode

pytestmark = pytest.mark.replica

COUNTER = Path(__file__).resolve().parent / "counter.py"


@pytest.fixture
def subnet() -> Iterator[Subnet]:
    opened = open_subnet()
    yield opened
    opened.engine.close()


class Deployed(Installed):
    """An installation that releases counters."""

    def __init__(self, subnet: Subnet, folder: Path) -> None:
        super().__init__(subnet)
        self.folder = folder

    def release(
        self, number: int, mode: str, replaces: bytes | None = None, **settings: Any
    ) -> tuple[dict[str, Any], bytes]:
        """Release a counter with these settings; the release as it ended, its module's hash."""
        main = lay_out(self.folder / f"counter{number}", COUNTER, **settings)
        module = build_canister(main, name="counter").wasm_gz
        assert len(module) > 2 * CHUNK
        name = self.start(number, mode, module, replaces=replaces)
        self.subnet.rounds()
        return self.shown(name), hashlib.sha256(module).digest()

    def read(self) -> int:
        """What the counter counts now."""
        target = self.subnet.query(self.deployment, "get_target", "counter")["Ok"]
        answer = self.subnet.engine.query(
            OWNER.bytes, target["canister"].bytes, "read", b"DIDL\0\0"
        )
        assert isinstance(answer, Reply), answer
        (value,) = decode([NAT64], answer.data)
        return int(value)


@pytest.mark.timeout(900)
def test_install_upgrade_trapping_upgrade_and_rollback_of_real_modules(
    subnet: Subnet, tmp_path: Path
) -> None:
    made = Deployed(subnet, tmp_path)
    deployment, build_executor = made.deployment, made.build_executor
    release, read = made.release, made.read
    made.register()
    first, first_hash = release(1, "Install")
    held = {"run": "run-1", "stage": "build", "path": "counter.wasm.gz", "index": 0}
    first_chunk = subnet.query(build_executor, "read_chunk", held)["Ok"]
    assert first["state"] == {"Succeeded": None}
    counter = first["canister"].bytes
    view = subnet.engine.canister(counter)
    assert view is not None
    assert view.module_hash == first_hash
    assert set(view.controllers) == {deployment, OWNER.bytes}

    subnet.send(counter, "increment", b"DIDL\0\0", OWNER.bytes)
    assert read() == 1
    request = {
        "target": "counter",
        "repository": "demo",
        "run": "run-1",
        "stage": "build",
        "artifact": "counter.wasm.gz",
        "sha256": first["order"]["sha256"],
        "size": first["order"]["size"],
        "mode": {"Auto": None},
        "memory": {"Default": None},
        "references": None,
        "release": None,
    }
    plan = subnet.call(deployment, "plan_release", request, sender=VERIFICATION)["Ok"]
    assert (plan["mode"], plan["replaces"]) == ({"Upgrade": None}, first_hash)
    assert [result["passed"] for result in plan["gates"]] == [True, True]
    subnet.call(build_executor, "hold", "cut", "counter.wasm.gz", "0", first_chunk[:-1])
    request |= {"run": "cut", "size": len(first_chunk) - 1}
    (cut,) = subnet.call(deployment, "plan_release", request, sender=VERIFICATION)["Ok"]["gates"]
    assert not cut["passed"]
    assert "its gzip stream is cut off" in cut["detail"]

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

    assert "Ok" in subnet.call(deployment, "rollback_release", second["release"], None)
    subnet.rounds()
    shown = subnet.query(deployment, "get_release", second["release"])["Ok"]
    assert shown["state"] == {"RolledBack": None}
    assert read() == 1
    counted = dict(subnet.query(deployment, "instructions"))
    # Three releases of 4.7 MB and a rollback: each byte is hashed once.
    assert counted["step release"] < 3_000_000_000

    # People were asked before the rollback: what they approved to replace is gone.
    fourth, _ = release(4, "Upgrade", replaces=second_hash, TRAPS=True)
    assert "`dcanary run retry run-4` asks people again" in fourth["state"]["ConcurrentChange"]
    assert read() == 1
    view = subnet.engine.canister(counter)
    assert view is not None
    assert view.module_hash == first_hash
    assert subnet.query(deployment, "get_target", "counter")["Ok"]["busy"] is None


@pytest.mark.timeout(900)
def test_a_real_canister_short_of_cycles_is_not_stopped(subnet: Subnet, tmp_path: Path) -> None:
    made = Deployed(subnet, tmp_path)
    # 500 G of these pay for the creation; what is left pays for one install, not for two.
    made.register(cycles=820_000_000_000)
    first, module = made.release(1, "Install")
    assert first["state"] == {"Succeeded": None}
    refused, _ = made.release(2, "Upgrade", STEP=10)
    assert "send it" in refused["state"]["Failed"]
    assert "Nothing was touched" in refused["state"]["Failed"]
    view = subnet.engine.canister(first["canister"].bytes)
    assert view is not None
    assert view.module_hash == module
    assert made.read() == 0
