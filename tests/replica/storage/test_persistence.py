"""What is on disk makes up for everything that was in memory."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.engine import EngineError
from dcanary.replica.opening import open_engine
from dcanary.replica.storage import check

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
STEPS = 40

COUNTING = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (memory 1)
  (global $calls (mut i32) (i32.const 0))
  (func (export "canister_init") (drop (call $grow (i64.const 1))))
  (func (export "canister_update inc")
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 2)))
    (i32.store (i32.const 4) (global.get $calls))
    (call $write (i64.const 100) (i64.const 0) (i64.const 8))
    (call $append (i32.const 0) (i32.const 8))
    (call $reply)))
"""


def test_a_closed_subnet_opens_as_it_was(
    tmp_path: Path, open_subnet: Callable[[Path], Any], wat: Callable[[str], bytes]
) -> None:
    net = open_subnet(tmp_path)
    canister = net.deploy(wat(COUNTING))
    first = net.call(canister, "inc")
    view, cycles = net.engine.canister(canister), net.engine.cycles(canister)
    stable = net.engine.stable_memory(canister)
    now = net.engine.now()
    net.engine.close()
    net = open_subnet(tmp_path)
    assert net.engine.now() == now
    assert net.engine.canister(canister) == view
    assert net.engine.cycles(canister) == cycles
    assert net.engine.stable_memory(canister) == stable
    assert stable[100:108] == first.data
    assert net.call(canister, "inc").data == b"\x04\0\0\0\x02\0\0\0"
    net.engine.close()


def test_a_state_folder_is_used_by_one_engine_only(
    tmp_path: Path, open_subnet: Callable[[Path], Any], cache_dir: Path
) -> None:
    net = open_subnet(tmp_path)
    with pytest.raises(EngineError, match="in use by another replica"):
        open_engine(tmp_path, cache_dir=cache_dir)
    net.engine.close()


@pytest.mark.replica
def test_a_killed_replica_continues_as_if_nothing_had_happened(
    tmp_path: Path, cache_dir: Path, motoko: Callable[[str], bytes]
) -> None:
    (tmp_path / "counter.wasm").write_bytes(motoko(_actor("COUNTER")))
    (tmp_path / "caller.wasm").write_bytes(motoko(_actor("CALLER")))

    def start(state: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.replica.storage.persistence_child",
                str(tmp_path / state),
                str(cache_dir),
                str(tmp_path / "counter.wasm"),
                str(tmp_path / "caller.wasm"),
                str(STEPS),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    expected = _finish(start("calm"))
    chosen = random.Random(20261124)
    for _ in range(6):
        child = start("killed")
        assert child.stdout is not None
        for _ in range(chosen.randrange(1, STEPS)):
            child.stdout.readline()
        time.sleep(chosen.random() * 0.004)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert check(tmp_path / "killed").damage == []
    assert _finish(start("killed")) == expected


def _actor(name: str) -> str:
    """An actor of the Motoko tests beside this file."""
    source = (HERE.parent / "engine" / "test_motoko.py").read_text()
    return source.split(f'{name} = """')[1].split('"""')[0]


def _finish(child: subprocess.Popen[bytes]) -> str:
    out, _ = child.communicate(timeout=120)
    lines = out.decode().splitlines()
    assert len(lines) == STEPS + 1
    return lines[-1]
