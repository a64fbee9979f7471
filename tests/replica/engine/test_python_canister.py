"""A canister built from Python: a big module, an interpreter in the heap, stable maps."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.engine.management import types
from dcanary.wasm import BuiltCanister, build_canister
from tests.replica.helpers.candid import NAT64, TEXT

pytestmark = pytest.mark.replica

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "counter-python" / "src"


@pytest.fixture(scope="module")
def built() -> BuiltCanister:
    return build_canister(EXAMPLE)


def _install(net: Any, canister: bytes, module: bytes, mode: str) -> None:
    """Install as clients do: the module is larger than one message may be."""
    hashes = []
    for at in range(0, len(module), 1 << 20):
        fields = {"canister_id": canister, "chunk": module[at : at + (1 << 20)]}
        hashes += net.management("upload_chunk", types.UPLOAD_CHUNK, fields, [types.CHUNK_HASH])
    install = {
        "mode": {mode: None},
        "target_canister": canister,
        "chunk_hashes_list": hashes,
        "wasm_module_hash": hashlib.sha256(module).digest(),
        "arg": b"DIDL\0\0",
    }
    net.management("install_chunked_code", types.INSTALL_CHUNKED, install)
    net.management("clear_chunk_store", types.CANISTER_ID, {"canister_id": canister})


def test_a_python_canister_counts_through_upgrade_snapshot_and_restart(
    built: BuiltCanister, tmp_path: Path, open_subnet: Callable[[Path], Any]
) -> None:
    module = built.wasm_gz
    net = open_subnet(tmp_path)
    canister = net.create()
    _install(net, canister, module, "install")
    assert [net.update(canister, "inc", returns=[NAT64]) for _ in range(3)] == [[1], [2], [3]]
    (greeting,) = net.query(canister, "greet", [TEXT], ["you"], [TEXT])
    assert greeting == "Hello, you! The counter is at 3."
    (taken,) = net.management(
        "take_canister_snapshot",
        types.TAKE_SNAPSHOT,
        {"canister_id": canister},
        [types.SNAPSHOT],
    )
    assert net.update(canister, "inc", returns=[NAT64]) == [4]
    _install(net, canister, module, "upgrade")
    assert net.query(canister, "get", returns=[NAT64]) == [4]
    net.engine.journal.close()  # as a killed process would
    net.engine.journal = None
    net.engine.close()
    begun = time.monotonic()
    net = open_subnet(tmp_path)
    assert net.query(canister, "get", returns=[NAT64]) == [4]
    assert time.monotonic() - begun < 30
    load = {"canister_id": canister, "snapshot_id": taken["id"]}
    net.management("load_canister_snapshot", types.LOAD_SNAPSHOT, load)
    assert net.query(canister, "get", returns=[NAT64]) == [3]
    assert net.update(canister, "inc", returns=[NAT64]) == [4]
    net.engine.close()
