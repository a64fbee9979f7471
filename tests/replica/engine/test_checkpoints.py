"""Checkpoints bound what a replay takes, whatever runs beside the rounds; a replay has some too."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dcanary.replica.api import RequestState
from dcanary.replica.engine import Options, checkpoints
from dcanary.replica.opening import open_engine
from tests.replica.engine.test_beside import code, digest, finish, numbers, start, state
from tests.replica.helpers.subnet import USER, Harness

BUSY = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory 1)
  (func (export "canister_heartbeat") (local $left i32)
    (local.set $left (i32.const 100000000))
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))))
  (func (export "canister_query count")
    (call $append (i32.const 0) (i32.const 4)) (call $reply)))
"""
"""A canister whose heartbeat takes a tenth of a second, so that one is always beside."""


def checkpoint_number(folder: Path) -> int:
    return max(int(path.name) for path in (folder / "checkpoints").iterdir() if path.name.isdigit())


def beats(net: Harness, canister: bytes) -> int:
    answer = net.engine.query(USER, canister, "count", b"")
    return int.from_bytes(answer.data[:4], "little")  # type: ignore[union-attr]  # fails if rejected


def rounds_until(net: Harness, done: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it did not happen"
        net.engine.execute_round(net.engine.now() + 10**6, wait=False)
        time.sleep(0.002)


def test_a_canister_that_always_runs_does_not_keep_checkpoints_away(
    tmp_path: Path, cache_dir: Path, wat: Callable[[str], bytes]
) -> None:
    folder = tmp_path / "state"
    options = Options(replay_seconds=0.2)
    net = Harness(open_engine(folder, cache_dir=cache_dir, options=options))
    other = net.deploy(code(wat))
    busy = net.deploy(wat(BUSY))
    before = checkpoint_number(folder)
    rounds_until(net, lambda: checkpoint_number(folder) > before + 1)
    counted = beats(net, busy)
    rounds_until(net, lambda: beats(net, busy) > counted + 1)
    request = net.submit(other, "bump", b"")
    assert isinstance(request, bytes)
    assert numbers(finish(net, request)) == [1] * 4
    shutil.copytree(folder, tmp_path / "killed")
    again = Harness(open_engine(tmp_path / "killed", cache_dir=cache_dir, options=options))
    assert numbers(again.engine.query(USER, other, "tell", b"")) == [1] * 4
    rounds_until(again, lambda: beats(again, busy) > counted + 2)
    again.engine.close()
    net.engine.close()


@pytest.mark.parametrize("long", [0.0, 1e9])
def test_messages_wait_for_a_checkpoint_in_their_order(
    tmp_path: Path,
    cache_dir: Path,
    wat: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
    long: float,
) -> None:
    """While runs are waited for, others are answered, and nothing is begun about those held."""
    monkeypatch.setattr(checkpoints, "LONG_SECONDS", long)
    options = Options(replay_seconds=0.000_001)
    net = Harness(open_engine(tmp_path / "state", cache_dir=cache_dir, options=options))
    slow, slower, other = (net.deploy(code(wat, spin)) for spin in (10**8, 10**9, 10**9))
    first = start(net, slower, "spin")
    short = start(net, slow, "spin")
    rounds_until(net, lambda: slow not in net.engine.core.runs.beside)
    waiting = [net.submit(slow, "bump", b"") for _ in range(3)]
    for count in range(1, 4):
        request = net.submit(other, "bump", b"")
        assert isinstance(request, bytes)
        assert numbers(finish(net, request)) == [count] * 4
    assert state(net, first) is RequestState.PROCESSING
    assert {state(net, request) for request in waiting} == {RequestState.RECEIVED}
    shutil.copytree(tmp_path / "state", tmp_path / "killed")
    again = Harness(open_engine(tmp_path / "killed", cache_dir=cache_dir, options=options))
    for one in (net, again):
        assert numbers(finish(one, first)) == [1] * 4
        assert numbers(finish(one, short)) == [1] * 4
        for count, request in enumerate(waiting, 2):
            assert isinstance(request, bytes)
            assert numbers(finish(one, request)) == [count] * 4
        one.engine.close()


def test_a_run_that_was_short_is_not_held_for_one_that_is_long(
    tmp_path: Path,
    cache_dir: Path,
    wat: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoints, "LONG_SECONDS", 0.05)
    options = Options(replay_seconds=0.000_001)
    net = Harness(open_engine(tmp_path, cache_dir=cache_dir, options=options))
    short, endless = net.deploy(code(wat)), net.deploy(code(wat, 2**32 - 1))
    first = start(net, endless, "spin")
    time.sleep(0.1)
    net.engine.core.runs.slow.add(short)  # as when the machine was busy for a moment
    for count in range(1, 6):
        request = net.submit(short, "bump", b"")
        assert isinstance(request, bytes)
        assert numbers(finish(net, request)) == [count] * 4
    assert state(net, first) is RequestState.PROCESSING
    assert net.engine.core.runs.beside
    net.engine.close()


class Killed(BaseException):
    """What stands for the end of the process."""


def test_a_second_kill_does_not_begin_the_replay_from_zero(
    tmp_path: Path, cache_dir: Path, wat: Callable[[str], bytes]
) -> None:
    folder = tmp_path / "state"
    net = Harness(open_engine(folder, cache_dir=cache_dir, options=Options(replay_seconds=1e9)))
    canister = net.deploy(code(wat))
    for _ in range(20):
        net.call(canister, "bump")
    expected = digest(net.engine)
    net.engine.journal.close()  # type: ignore[union-attr]  # as a killed process would
    totals: list[int] = []

    def killed_after(inputs: int) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            totals.append(total)
            if done >= inputs:
                raise Killed

        return progress

    for inputs in (15, 15):
        options = Options(recovery_seconds=0, progress=killed_after(inputs))
        with pytest.raises(Killed):
            open_engine(folder, cache_dir=cache_dir, options=options)
    seen: list[int] = []
    options = Options(progress=lambda _, total: seen.append(total))
    again = open_engine(folder, cache_dir=cache_dir, options=options)
    assert totals[0] > totals[-1] > seen[0] > 0
    assert digest(again) == expected
    again.close()


def test_closing_keeps_what_a_run_beside_did_when_it_ends_soon(
    tmp_path: Path, cache_dir: Path, wat: Callable[[str], bytes]
) -> None:
    options = Options(closing_seconds=120)
    net = Harness(open_engine(tmp_path, cache_dir=cache_dir, options=options))
    busy = net.deploy(code(wat, 10**8))
    request = start(net, busy, "spin")
    net.engine.close()
    replayed: list[int] = []
    options = Options(progress=lambda done, _: replayed.append(done))
    again = Harness(open_engine(tmp_path, cache_dir=cache_dir, options=options))
    assert replayed == []
    assert state(again, request) is RequestState.REPLIED
    assert numbers(again.engine.query(USER, busy, "tell", b"")) == [1] * 4
    again.engine.close()
