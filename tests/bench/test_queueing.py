"""The figures of the queue: how shares and ratios are made of what was measured."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.queueing import EXECUTORS, OPERATIONS, Costs, Queue, costs_at, deviation, leases, ratios


def test_the_share_that_is_farthest_off_is_told_also_when_it_is_none() -> None:
    assert deviation(Counter(a=5, b=5), 2) == 0
    assert deviation(Counter(a=6, b=5, c=4), 3) == pytest.approx(0.2)
    assert deviation(Counter(a=10), 2) == 1


def test_ratios_compare_the_longest_queue_with_the_shortest() -> None:
    costs = {10: Costs({name: [1.0, 2.0, 3.0] for name in OPERATIONS})}
    costs[1_000] = Costs({name: [3.0] for name in OPERATIONS})
    found = ratios(costs)
    assert [ratio.key for ratio in found] == [f"queue_{name}" for name in OPERATIONS]
    assert {ratio.value for ratio in found} == {1.5}


def test_every_repository_gets_its_share_of_a_small_queue() -> None:
    assert deviation(leases(40, 5), 5) == 0


def test_all_operations_are_measured_and_the_queue_outlives_the_upgrade() -> None:
    costs, seconds = costs_at(10)
    assert set(costs.seconds) == set(OPERATIONS)
    assert seconds > 0
    queue = Queue()
    queue.enqueue("one")
    queue.upgrade()
    assert queue.lease(EXECUTORS[0])["run"] == "run-0"
