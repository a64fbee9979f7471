"""Timers over the one timer of the system."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.testing.native import CanisterReject, NativeCanister, NativeNetwork

START = 1_000_000_000_000_000_000
EXECUTOR = "<kybra internal> run_timer"


@pytest.fixture
def network() -> NativeNetwork:
    return NativeNetwork(time_ns=START)


@pytest.fixture
def canister(network: NativeNetwork, canisters: Path) -> NativeCanister:
    return network.install(canisters / "caller" / "main.py")


def ticks(canister: NativeCanister) -> list[int]:
    """Seconds after the start at which the timer ran."""
    notes = canister.query("notes")
    return [(int(note.split()[-1]) - START) // 10**9 for note in notes if note.startswith("tick")]


def test_a_timer_runs_once_at_its_time(network: NativeNetwork, canister: NativeCanister) -> None:
    canister.update("start", 3, 0)
    network.advance(2)
    assert ticks(canister) == []
    network.advance(10)
    assert ticks(canister) == [3]
    assert canister.timer_ns == 0


def test_timers_run_in_order_of_their_times(
    network: NativeNetwork, canister: NativeCanister
) -> None:
    for delay in (5, 1, 3, 3):
        canister.update("start", delay, 0)
    network.advance(100)
    assert ticks(canister) == [1, 3, 3, 5]


def test_an_interval_runs_until_it_is_cleared(
    network: NativeNetwork, canister: NativeCanister
) -> None:
    timer = canister.update("start", 0, 10)
    network.advance(35)
    assert ticks(canister) == [10, 20, 30]
    canister.update("stop", timer)
    canister.update("stop", 999)
    network.advance(100)
    assert len(ticks(canister)) == 3


def test_a_timer_that_traps_undoes_only_its_own_changes(
    network: NativeNetwork, canister: NativeCanister
) -> None:
    canister.update("start", 0, 1)
    canister.update("start_failing")
    network.advance(2)
    assert ticks(canister) == [1, 2]
    assert "never kept" not in canister.query("notes")
    assert any("in a timer" in text for text in canister.traps)
    assert canister.module("kybra._runtime").state.fired == {}


def test_a_timer_may_call_other_canisters(
    network: NativeNetwork, canister: NativeCanister, canisters: Path
) -> None:
    counter = network.install(canisters / "counter" / "main.py", (5,))
    canister.update("start_async", counter.id)
    network.advance(1)
    assert canister.query("notes") == ["timer got 10"]
    assert canister.module("kybra._runtime").state.continuations == {}


def test_timers_are_lost_at_an_upgrade(network: NativeNetwork, canister: NativeCanister) -> None:
    canister.update("start", 0, 1)
    canister.upgrade()
    network.advance(10)
    assert ticks(canister) == []


def test_a_timer_set_by_a_message_that_traps_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from kybra import *\nran: Vec[int] = []\n"
        "def run() -> void: ran.append(1)\n"
        "@update\ndef f() -> void:\n    ic.set_timer(1, run)\n    ic.trap('no')\n"
        "@query\ndef count() -> nat: return len(ran)\n"
    )
    network = NativeNetwork()
    canister = network.install(tmp_path / "main.py")
    with pytest.raises(CanisterReject):
        canister.update("f")
    network.advance(5)
    assert canister.query("count") == 0


def test_only_the_canister_itself_runs_its_timers(
    network: NativeNetwork, canister: NativeCanister
) -> None:
    canister.update("start", 5, 0)
    pending = canister.submit_raw(EXECUTOR, (1).to_bytes(8, "big"))
    network.run()
    outcome = pending._context.outcome
    assert isinstance(outcome, CanisterReject)
    assert "only the canister itself" in outcome.message
    assert ticks(canister) == []
