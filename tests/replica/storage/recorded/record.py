"""Records a state folder of the version in use, for `test_old_state.py`.

Usage, in the project's folder: python -m tests.replica.storage.recorded.record VERSION
It writes `state-VERSION.json` beside itself: the files (base64 of zlib) and what is in them.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import zlib
from pathlib import Path

import wasmtime

from dcanary.replica.opening import open_engine
from tests.replica.helpers.subnet import Harness
from tests.replica.storage.test_persistence import COUNTING


def pack(folder: Path) -> dict[str, str]:
    """Path and content of every file."""
    return {
        str(path.relative_to(folder)): base64.b64encode(
            zlib.compress(path.read_bytes(), 9)
        ).decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def unpack(files: dict[str, str], folder: Path) -> None:
    """What `pack` packed."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zlib.decompress(base64.b64decode(content)))


def record(version: str) -> None:
    """Three canisters, a checkpoint, then inputs as a killed process leaves them."""
    with tempfile.TemporaryDirectory() as temporary:
        state = Path(temporary) / "state"
        start = 1_700_000_000_000_000_000
        net = Harness(open_engine(state, seed=b"recorded", start_time_ns=start))
        wasm = bytes(wasmtime.wat2wasm(COUNTING))
        canisters = [net.deploy(wasm) for _ in range(2)]
        for _ in range(3):
            net.call(canisters[0], "inc")
        net.engine.checkpoint()
        canisters.append(net.deploy(wasm))
        for number in range(9):
            net.call(canisters[number % 3], "inc")
        files = pack(state)
        expected = {
            canister.hex(): {
                "stable": net.engine.stable_memory(canister)[:128].hex(),
                "cycles": str(net.engine.cycles(canister)),
            }
            for canister in canisters
        }
        net.engine.close()
    out = Path(__file__).with_name(f"state-{version}.json")
    out.write_text(json.dumps({"files": files, "expected": expected}, indent=1) + "\n")


if __name__ == "__main__":
    record(sys.argv[1])
