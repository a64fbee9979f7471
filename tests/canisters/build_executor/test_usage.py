"""What jobs used: recorded with their commitments, and summed by repository, operator and day."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from shared.rules.limits import MAX_COUNTED_BYTES, MAX_COUNTED_CPUS
from tests.canisters.build_executor.helpers.specs import spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, World

DAY = 86_400
OK = {"Ok": None}
USED = {
    "wall_ns": 3 * SECOND,
    "peak_memory_bytes": 700,
    "cpu_ns": 5 * SECOND,
    "storage_bytes": 4_000,
    "fetched_bytes": 90,
}
MOST = 2**64 - 1


def days(world: World, **of: str) -> list[Any]:
    """The first page of a list of days."""
    found: list[Any] = world.usage(**of)["Ok"]["items"]
    return found


def test_a_job_shows_what_it_used_once_it_is_committed(world: World) -> None:
    world.enqueue()
    job = world.build(A)["job"]
    assert world.jobs()[job]["usage"] is None
    assert world.commit(A, job, **USED) == OK
    assert world.jobs()[job]["usage"] == USED
    unmeasured = world.build(B)["job"]
    assert world.commit(B, unmeasured) == OK
    assert world.jobs()[unmeasured]["usage"] == {
        "wall_ns": 5,
        "peak_memory_bytes": 7,
        "cpu_ns": None,
        "storage_bytes": None,
        "fetched_bytes": None,
    }


def test_a_day_sums_times_and_bytes_and_keeps_the_most_memory_and_storage(world: World) -> None:
    world.enqueue()
    first, second = world.build(A)["job"], world.build(B)["job"]
    world.enqueue(spec("run-2", repository="other"))
    other = world.build(A)["job"]
    assert world.commit(A, first, **USED) == OK
    assert world.commit(B, second, **{**USED, "peak_memory_bytes": 9, "storage_bytes": 5_000}) == OK
    assert world.commit(A, other) == OK
    assert other.startswith("run-2/")
    today = world.now // (DAY * SECOND)
    both = {
        "day": today,
        "jobs": 2,
        "wall_ns": 6 * SECOND,
        "cpu_ns": 10 * SECOND,
        "peak_memory_bytes": 700,
        "storage_bytes": 5_000,
        "fetched_bytes": 180,
    }
    assert days(world, Repository="counter") == [both]
    assert days(world, Operator="operator-0") == [
        {**USED, "wall_ns": 3 * SECOND + 5, "day": today, "jobs": 2}
    ]
    assert [each["jobs"] for each in days(world, Operator="operator-1")] == [1]
    assert days(world, Operator="operator-2") == []
    assert days(world, Repository="nobody") == []


def test_a_commitment_that_is_sent_twice_counts_once(world: World) -> None:
    world.enqueue()
    job = world.build(A)["job"]
    for _ in range(2):
        assert world.commit(A, job, **USED) == OK
    assert "Conflict" in world.commit(A, job, commitment=b"d" * 32, **USED)["Err"]
    assert [each["jobs"] for each in days(world, Operator="operator-0")] == [1]


def test_days_come_last_first_by_pages_and_outlive_an_upgrade(world: World) -> None:
    today = world.now // (DAY * SECOND)
    for number in range(5):
        world.enqueue(spec(f"run-{number}", stage("build", replicas=1, quorum=1)))
        assert world.commit(A, world.build(A)["job"], **USED) == OK
        # Nothing is built on the second day.
        world.pass_time(DAY if number else 2 * DAY, tick=False)
    world.upgrade()
    found: list[int] = []
    cursor: str | None = None
    while True:
        page = world.usage(cursor, limit=2, Repository="counter")["Ok"]
        assert len(page["items"]) <= 2
        found += [each["day"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [today + 5, today + 4, today + 3, today + 2, today]


def test_claims_count_up_to_what_a_job_can_use(world: World) -> None:
    claimed = dict.fromkeys(USED, MOST)
    world.enqueue()
    job = world.build(A)["job"]
    assert world.commit(A, job, **claimed) == OK
    assert world.jobs()[job]["usage"] == claimed
    # Its timeout is 60 s, and it gets 600 s more for checkout and inputs.
    assert days(world, Repository="counter")[0] == {
        "day": world.now // (DAY * SECOND),
        "jobs": 1,
        "wall_ns": 660 * SECOND,
        "cpu_ns": 660 * SECOND * MAX_COUNTED_CPUS,
        "peak_memory_bytes": MAX_COUNTED_BYTES,
        "storage_bytes": MAX_COUNTED_BYTES,
        "fetched_bytes": MAX_COUNTED_BYTES,
    }


def test_a_sum_that_is_full_stays_so(world: World) -> None:
    world.enqueue()
    assert world.commit(A, world.build(A)["job"], **USED) == OK
    record = copy.deepcopy(world.maps["usage"].entries["repository/counter/0"])
    world.maps["usage"].insert("repository/counter/0", {**record, "cpu_ns": MOST - 1})
    assert world.commit(B, world.build(B)["job"], **USED) == OK
    assert days(world, Repository="counter")[0]["cpu_ns"] == MOST


@pytest.mark.parametrize("kind", ["Repository", "Operator"])
@pytest.mark.parametrize("name", ["", "a/b", "x" * 65, "é", "counter/0"])
def test_names_that_nobody_can_have_are_refused(world: World, kind: str, name: str) -> None:
    assert "1 to 64" in world.usage(**{kind: name})["Err"]["Invalid"]


def test_counting_a_job_costs_the_same_after_many_days(world: World) -> None:
    costs = []
    for number in range(40):
        world.enqueue(spec(f"run-{number}", stage("build", replicas=1, quorum=1)))
        job = world.build(C)["job"]
        before = sum(world.maps[name].operations for name in ("usage", "usage_days"))
        assert world.commit(C, job, **USED) == OK
        after = sum(world.maps[name].operations for name in ("usage", "usage_days"))
        costs.append(after - before)
        world.pass_time(DAY, tick=False)
    assert len(set(costs[1:])) == 1
    assert not any(world.maps[name].scans for name in ("usage", "usage_days"))
