"""The figures that follow from numbers recorded in a real run of the benchmarks."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import figures, runs, timers, waiting
from bench.figures import Building, Burst, Delivering, Ratio, WholeRun
from bench.report import Report, number
from bench.whole_run import phases_of
from dcanary.replica.state.limits import UPDATE_INSTRUCTIONS

BEFORE = {
    "webhook": {"http_request_update": 27_000_000, "register_repository": 900_000},
    "build_executor": {"enqueue_run": 30_000_000},
    "deployment": {},
}
AFTER = {
    "webhook": {"http_request_update": 30_000_000, "register_repository": 900_000},
    "build_executor": {"enqueue_run": 34_000_000, "finish_upload": 24_000_000},
    "deployment": {"step release": 69_000_000},
}
SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND


def records(**times: float) -> tuple[dict[str, Any], ...]:
    """Delivery, run, round, approval and release as the canisters hold them; times in seconds."""
    at = {name: START + round(seconds * SECOND) for name, seconds in times.items()}
    return (
        {"received_ns": START},
        {"created_ns": at["queued"]},
        {
            "votes": [{"committed_ns": at["sealed"] - SECOND}, {"committed_ns": at["sealed"]}],
            "verdict": {"decided_ns": at["decided"]},
        },
        {"created_ns": at["asked"], "votes": [{"at_ns": at["approved"]}]},
        {"updated_ns": at["released"]},
    )


TIMES = {
    "queued": 0.25,
    "sealed": 8.25,
    "decided": 8.75,
    "asked": 9.25,
    "approved": 9.5,
    "released": 10.0,
}


def recorded_run() -> WholeRun:
    return WholeRun("counter", 10.5, 2.1, phases_of(*records(**TIMES)), BEFORE, AFTER)


def recorded_report() -> Report:
    return Report(
        Building("build_executor", 50.0, [2.0, 9.0, 1.0]),
        Delivering([0.010, 0.020, 0.400], [0.1, 0.2, 0.3]),
        recorded_run(),
        processors=2,
        load=0.5,
        seconds=90.0,
        bursts=[Burst(10, 2e-6, 1e-6, 9e-6), Burst(10_000, 3e-6, 1e-6, 9e-6)],
        network=waiting.ratios("updates", [0.04] * 99 + [0.08], [0.02] * 100, 1.5),
        runs=[runs.ratio([0.04] * 10 + [0.05] * 80 + [0.06] * 10, batch=10)],
    )


def ratio(key: str) -> Ratio:
    (found,) = [one for one in recorded_report().ratios() if one.key == key]
    return found


def test_the_limit_that_figures_are_compared_with_is_that_of_the_replica() -> None:
    assert figures.MESSAGE_LIMIT == UPDATE_INSTRUCTIONS


def test_the_median_build_is_compared_with_the_template_step() -> None:
    assert ratio("build_to_template").value == pytest.approx(2.0 / 50.0)
    assert "template step" in ratio("build_to_template").peer


def test_the_median_delivery_is_compared_with_the_median_no_op_update() -> None:
    assert ratio("delivery_to_noop").value == pytest.approx(0.2 / 0.020)
    assert "no-op update" in ratio("delivery_to_noop").peer


def test_a_timer_in_a_burst_is_compared_with_one_that_is_nearly_alone() -> None:
    assert ratio("timer_set_burst").value == pytest.approx(1.5)
    assert ratio("timer_set_burst").name == "set a timer while 10,000 are pending"
    assert ratio("timer_fire_burst").measured == "9.00 us to 9.00 us"


def test_the_99th_of_100_who_wait_is_compared_with_the_limit_and_with_an_idle_network() -> None:
    assert ratio("waiting_updates_p99").value == pytest.approx(0.796)
    assert ratio("waiting_updates_to_alone").value == pytest.approx(3.98)
    assert ratio("waiting_updates_p99").measured.endswith("beside updates of 1.5 s")


def test_the_last_runs_of_a_burst_are_compared_with_the_first() -> None:
    assert ratio("run_in_burst").value == pytest.approx(1.5)
    assert ratio("run_in_burst").name == "a run after 90 others within one commit window"


def test_runs_are_measured_over_the_real_canisters() -> None:
    seconds = runs.seconds_of_runs(3)
    assert len(seconds) == 3
    assert all(0 < each < 10 for each in seconds)


def test_timers_are_measured_over_the_canisters_own_code() -> None:
    told: list[str] = []
    bursts = timers.measure(told.append)
    assert [one.pending for one in bursts] == [10, 1_000, 10_000]
    # Far below the 1,000 of a cost that grows with the pending ones, far above the noise of a
    # busy machine.
    assert all(one.value < 20 for one in figures.burst_ratios(bursts))
    assert told == ["bursts of timers, up to 10,000 pending"]


def test_a_runs_instructions_are_the_difference_of_two_readings() -> None:
    rows = figures.shares(BEFORE, AFTER)
    assert [(row.canister, row.method, row.instructions) for row in rows] == [
        ("deployment", "step release", 69_000_000),
        ("build_executor", "finish_upload", 24_000_000),
        ("build_executor", "enqueue_run", 4_000_000),
        ("webhook", "http_request_update", 3_000_000),
    ]
    assert [row.of_total for row in rows] == pytest.approx([0.69, 0.24, 0.04, 0.03])
    assert rows[0].of_limit == pytest.approx(69e6 / 40e9)
    assert ratio("run_to_message_limit").value == pytest.approx(100e6 / 40e9)
    assert "deployment.step release" in ratio("largest_method_to_message_limit").name


def test_the_canisters_sum_up_their_methods() -> None:
    rows = figures.by_canister(figures.shares(BEFORE, AFTER))
    assert [(row.canister, row.instructions) for row in rows] == [
        ("deployment", 69_000_000),
        ("build_executor", 28_000_000),
        ("webhook", 3_000_000),
    ]


def test_readings_of_two_installations_are_refused() -> None:
    with pytest.raises(ValueError, match=r"webhook\.http_request_update became fewer"):
        figures.shares(AFTER, BEFORE)


def test_a_run_that_used_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="was there a run"):
        figures.shares(BEFORE, BEFORE)


def test_nothing_is_compared_with_a_time_of_zero() -> None:
    with pytest.raises(ValueError, match="the template step is 0"):
        figures.building_ratios(Building("webhook", 0.0, [1.0]))


def test_a_runs_wall_time_is_cut_by_what_the_canisters_recorded() -> None:
    phases = recorded_run().phases
    assert [phase.seconds for phase in phases] == [0.25, 8.0, 0.5, 0.5, 0.25, 0.5]
    assert [phase.building for phase in phases] == [False, True, False, False, False, False]
    assert ratio("chain_to_wall").value == pytest.approx(0.2)
    assert ratio("network_cpu_to_wall").value == pytest.approx(2.1 / 10.5)


moments = st.floats(0, 1000)


@given(moments, moments, moments, moments, moments, moments)
def test_phases_in_any_order_are_never_negative_and_end_with_the_last(
    queued: float, sealed: float, decided: float, asked: float, approved: float, released: float
) -> None:
    """A verdict needs a quorum only, so that a late vote may be sealed after it."""
    times = dict(zip(TIMES, (queued, sealed, decided, asked, approved, released), strict=True))
    phases = phases_of(*records(**times))
    assert all(phase.seconds >= 0 for phase in phases)
    assert sum(phase.seconds for phase in phases) == pytest.approx(max(times.values()), abs=1e-6)


@given(st.integers(0, 10**15))
def test_a_count_is_told_with_three_digits_that_mean_something(value: int) -> None:
    told, _, word = figures.count(value).partition(" ")
    size = {"": 1, "k": 10**3, "M": 10**6, "B": 10**9}[word]
    assert float(told) * size == pytest.approx(value, rel=0.005, abs=0.5)


@given(st.floats(1e-9, 1e6))
def test_a_ratio_is_told_with_three_digits_that_mean_something(value: float) -> None:
    assert float(number(value)) == pytest.approx(value, rel=0.051)


def test_every_ratio_names_its_peer_in_the_text() -> None:
    text = recorded_report().text()
    for one in recorded_report().ratios():
        assert f"{number(one.value):>8}  {one.name}\n" in text
        assert f"ratio to {one.peer}: {one.measured}\n" in text
    assert "69.0 M" in text
    assert "69.0%" in text
    assert "80.0%  leased, cloned, built and sealed" in text
    assert "other work" not in text


def test_measurements_on_a_busy_machine_say_so() -> None:
    report = dataclasses.replace(recorded_report(), load=7.5)
    assert "other work was going on (load 7.5)" in report.text()


def test_the_json_form_holds_every_figure_and_the_samples() -> None:
    record = json.loads(json.dumps(recorded_report().record()))
    assert record["format"] == 1
    assert {one["key"] for one in record["ratios"]} == {
        "build_to_template",
        "delivery_to_noop",
        "run_to_message_limit",
        "largest_method_to_message_limit",
        "network_cpu_to_wall",
        "chain_to_wall",
        "timer_set_burst",
        "timer_clear_burst",
        "timer_fire_burst",
        "run_in_burst",
        "waiting_updates_p99",
        "waiting_updates_to_alone",
    }
    assert sum(one["instructions"] for one in record["instructions"]) == 100_000_000
    assert record["samples"]["noop_updates"] == [0.010, 0.020, 0.400]
