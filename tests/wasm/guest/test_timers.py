"""Timers over the one timer of the system."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

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
    outcome = pending.outcome
    assert isinstance(outcome, CanisterReject)
    assert "only the canister itself" in outcome.message
    assert ticks(canister) == []


BURST = """
from kybra import *

ran = 0


def run() -> void:
    global ran
    ran += 1


@update
def start(count: nat, delay: nat64) -> Vec[nat64]:
    return [ic.set_timer(delay, run) for _ in range(count)]


@update
def stop(timers: Vec[nat64]) -> void:
    for timer in timers:
        ic.clear_timer(timer)


@query
def count() -> nat:
    return ran
"""


@pytest.fixture
def burst(network: NativeNetwork, tmp_path: Path) -> NativeCanister:
    (tmp_path / "main.py").write_text(BURST)
    return network.install(tmp_path / "main.py")


def work(action: Callable[[], object]) -> int:
    """How many lines of Python, calls and generator steps the action executes: what it costs,
    without a clock."""
    events = 0

    def count(frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        nonlocal events
        events += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        action()
    finally:
        sys.settrace(before)
    return events


@pytest.mark.parametrize("pending", [1_000, 10_000])
def test_setting_and_clearing_a_timer_cost_the_same_however_many_are_pending(
    network: NativeNetwork, burst: NativeCanister, pending: int
) -> None:
    burst.update("start", 100, 1_000)
    few = work(lambda: burst.update("stop", burst.update("start", 50, 500)))
    burst.update("start", pending, 1_000)
    many = work(lambda: burst.update("stop", burst.update("start", 50, 500)))
    assert many < few * 1.1


@pytest.mark.parametrize("pending", [1_000, 10_000])
def test_firing_costs_what_is_due_however_many_are_pending(
    network: NativeNetwork, burst: NativeCanister, pending: int
) -> None:
    burst.update("start", 100, 10_000)
    burst.update("start", 20, 5)
    few = work(lambda: network.advance(10))
    burst.update("start", pending, 10_000)
    burst.update("start", 20, 5)
    many = work(lambda: network.advance(10))
    assert burst.query("count") == 40
    assert many < few * 1.1


def test_a_burst_that_is_due_at_once_costs_the_same_for_each_timer(
    network: NativeNetwork, burst: NativeCanister
) -> None:
    burst.update("start", 20, 5)
    few = work(lambda: network.advance(10)) / 20
    burst.update("start", 2_000, 5)
    many = work(lambda: network.advance(10)) / 2_000
    assert burst.query("count") == 2_020
    assert many < few * 1.1


def test_cleared_and_ended_timers_leave_nothing(
    network: NativeNetwork, burst: NativeCanister
) -> None:
    for _ in range(20):
        burst.update("stop", burst.update("start", 200, 1_000))
    burst.update("start", 10, 1)
    network.advance(2)
    state = burst.module("kybra._runtime").state
    assert state.timers == {}
    assert state.fired == {}
    assert len(state.deadlines) < 200
    network.advance(1_000)
    assert burst.timer_ns == 0
    assert burst.query("count") == 10


def test_clearing_the_earliest_timer_arms_for_the_next(
    network: NativeNetwork, canister: NativeCanister
) -> None:
    canister.update("start", 9, 0)
    first = canister.update("start", 3, 0)
    canister.update("start", 6, 0)
    assert canister.timer_ns == START + 3 * 10**9
    canister.update("stop", first)
    assert canister.timer_ns == START + 6 * 10**9
    network.advance(20)
    assert ticks(canister) == [6, 9]
