"""An asset canister as the target of the compiled deployment canister, on the embedded replica."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.testing.native import NativeNetwork
from dcanary.wasm import build_canister
from tests.canisters.deployment.replica_orders import Installed
from tests.canisters.deployment.replica_subnet import Subnet, lay_out, open_subnet
from tests.canisters.installation import DOUBLES

pytestmark = pytest.mark.replica
SETTINGS = """[{
    match: "**/*", cache: {max_age: 60}, headers: {"X-Frame-Options": "DENY"},
    enable_aliasing: false,
}]"""


@pytest.fixture
def subnet() -> Iterator[Subnet]:
    opened = open_subnet()
    yield opened
    opened.engine.close()


class Site(Installed):
    """An installation that releases versions of one asset canister with files."""

    def __init__(self, subnet: Subnet, folder: Path) -> None:
        super().__init__(subnet)
        self.folder = folder
        self.register()
        self.modules: dict[int, bytes] = {}

    def module(self, version: int) -> bytes:
        if version not in self.modules:
            main = lay_out(
                self.folder / f"site{version}", DOUBLES / "asset_canister.py", PAGE=2 + version
            )
            self.modules[version] = build_canister(main, name="site").wasm_gz
            self.main = main
        return self.modules[version]

    def release(
        self,
        number: int,
        mode: str,
        version: int,
        files: dict[str, bytes],
        settings: str | None = None,
    ) -> Any:
        name = self.start(number, mode, self.module(version), assets=files, settings=settings)
        self.subnet.rounds(120)
        return self.shown(name)

    def content(self, canister: bytes) -> dict[str, bytes]:
        if canister not in self.subnet.twins:
            self.subnet.twins[canister] = NativeNetwork().install(self.main)
        keys = self.subnet.query(canister, "keys")
        return {key: bytes(self.subnet.query(canister, "content", key)) for key in keys}


@pytest.mark.timeout(900)
def test_files_are_put_there_replaced_taken_back_and_a_refusal_is_undone(
    subnet: Subnet, tmp_path: Path
) -> None:
    site = Site(subnet, tmp_path)
    film = random.Random(2).randbytes(1_400_000)
    counter = lay_out(tmp_path / "counter", Path(__file__).resolve().parent / "counter.py")
    name = site.start(
        0, "Install", build_canister(counter, name="counter").wasm_gz, assets={"/a": b"a"}
    )
    subnet.rounds(120)
    no_files = site.shown(name)
    assert "does not list its files as an asset canister does" in no_files["state"]["Failed"]
    assert "The canister stays, without a module" in no_files["state"]["Failed"]
    view = subnet.engine.canister(no_files["canister"].bytes)
    assert view is not None
    assert view.module_hash is None

    one = {"/index.html": b"<h1>one</h1>", "/film.mp4": film, "/empty": b""}
    first = site.release(1, "Install", 1, one)
    assert first["state"] == {"Succeeded": None}
    canister = first["canister"].bytes
    assert canister == no_files["canister"].bytes
    assert site.content(canister) == one

    two = {"/index.html": b"<h1>two</h1>", "/film.mp4": film}
    two |= {f"/p/{number}": b"%d" % number for number in range(12)}
    second = site.release(2, "Upgrade", 2, two, SETTINGS)
    assert second["state"] == {"Succeeded": None}
    assert site.content(canister) == two
    served = subnet.query(canister, "get_asset_properties", "/p/3")
    assert served == {
        "max_age": 60,
        "headers": [("X-Frame-Options", "DENY")],
        "allow_raw_access": True,
        "is_aliased": False,
    }

    subnet.call(canister, "mood", "hashes", "/index.html")
    third = site.release(3, "Upgrade", 1, {"/index.html": b"<h1>three</h1>"})
    assert "'/index.html' is not as approved" in third["state"]["Failed"]
    assert site.content(canister) == two
    view = subnet.engine.canister(canister)
    assert view is not None
    assert view.module_hash == hashlib.sha256(site.module(2)).digest()
    subnet.call(canister, "mood", "hashes", "")

    assert "Ok" in subnet.call(site.deployment, "rollback_release", second["release"], None)
    subnet.rounds()
    rolled = site.shown(second["release"])
    assert rolled["state"] == {"RolledBack": None}
    assert site.content(canister) == one
    counted = dict(subnet.query(site.deployment, "instructions"))
    # Some 60 steps of three releases and a rollback, each bounded.
    assert counted["step release"] < 4_000_000_000
