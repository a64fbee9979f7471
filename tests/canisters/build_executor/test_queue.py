"""The queue is fair to repositories and knows priorities, at the same cost however long it is."""

from __future__ import annotations

import itertools
from collections import Counter
from heapq import heappop, heappush
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.canisters.build_executor.helpers.specs import principal, spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, World
from tests.examples import examples

SLOTS = 4


def single(run: str, repository: str, **changes: Any) -> Any:
    """A run of one stage that one operator builds alone."""
    return spec(run, stage("build", replicas=1, quorum=1, **changes), repository=repository)


class Play:
    """Executors A, B and C, of SLOTS each, build what waits; a clock that jumps to the next end."""

    def __init__(self) -> None:
        self.world = World()
        for executor in (A, B, C):
            self.world.announce(executor, slots=SLOTS)
        self.running: list[tuple[int, int, str, str, str]] = []
        self.used: Counter[str] = Counter()
        self.taken: list[str] = []
        self._numbers = itertools.count()

    def add(self, repository: str, runs: int) -> None:
        for _ in range(runs):
            wanted = single(f"run-{next(self._numbers)}", repository)
            assert self.world.enqueue(wanted) == {"Ok": None}

    def fill(self, seconds_of: dict[str, int]) -> None:
        """Every free slot takes a job."""
        for executor in (A, B, C):
            while self.world.book.slots_taken(executor, self.world.now) < SLOTS:
                work = self.world.lease(executor)
                if work is None:
                    break
                build = work["Build"]
                repository = build["source"]["repository"]
                self.taken.append(repository)
                ends = self.world.now + seconds_of[repository] * SECOND
                entry = (ends, next(self._numbers), executor, build["job"], repository)
                heappush(self.running, entry)

    def next_end(self, seconds_of: dict[str, int]) -> str:
        """The job that ends first is committed; its repository."""
        ends, _, executor, job, repository = heappop(self.running)
        self.world.now = ends
        for _, _, other, running, _ in self.running:
            self.world.beat(other, running)
        self.world.beat(executor, job)
        assert self.world.commit(executor, job) == {"Ok": None}
        self.used[repository] += seconds_of[repository]
        return repository

    def waiting(self, repository: str) -> bool:
        """Whether jobs of a repository are free."""
        return any(
            each["repository"] == repository and "Queued" in each["jobs"][0]["state"]
            for each in self.world.book.open_stages()
        )


def test_a_thousand_runs_of_a_hundred_repositories_get_equal_shares() -> None:
    """One of them has half of all runs, and was there first."""
    play = Play()
    names = [f"repository-{number}" for number in range(100)]
    play.add(names[0], 505)
    for _ in range(5):
        for name in names[1:]:
            play.add(name, 1)
    seconds_of = dict.fromkeys(names, 20)
    play.fill(seconds_of)
    while len(play.taken) < 500:
        play.next_end(seconds_of)
        play.fill(seconds_of)
    counts = Counter(play.taken[:500])
    assert set(counts) == set(names)
    assert max(counts.values()) <= 5 * 1.1
    assert min(counts.values()) >= 5 * 0.9


def test_with_fewer_repositories_than_slots_each_has_equal_slots_at_any_time() -> None:
    play = Play()
    names = ["one", "two", "three"]
    seconds_of = {"one": 7, "two": 61, "three": 300}
    for name in names:
        play.add(name, 60)
    play.fill(seconds_of)
    for _ in range(60):
        held = Counter(repository for *_, repository in play.running)
        assert [held[name] for name in names] == [SLOTS] * 3
        play.next_end(seconds_of)
        play.fill(seconds_of)


@given(
    seconds=st.lists(st.integers(1, 25), min_size=13, max_size=20),
    late=st.integers(0, 10),
)
@settings(max_examples=examples(20), deadline=None)
def test_repositories_that_wait_use_the_slots_for_equal_times(
    seconds: list[int], late: int
) -> None:
    """More repositories than slots: what each has used differs by two of the longest jobs at most,
    however long their jobs are. One that comes late has no credit from when it was away."""
    play = Play()
    names = [f"repository-{number}" for number in range(len(seconds))]
    seconds_of = dict(zip(names, seconds, strict=True))
    for name in names[1:]:
        play.add(name, 12)
    play.fill(seconds_of)
    for _ in range(late):
        play.next_end(seconds_of)
        play.fill(seconds_of)
    play.add(names[0], 12)
    before = Counter(play.used)
    # What the late one would have, had it been there: the middle of what the others have.
    for _ in range(60):
        play.next_end(seconds_of)
        play.fill(seconds_of)
        if not all(play.waiting(name) for name in names):
            break
    bound = 2 * max(seconds) + 2
    always = [play.used[name] for name in names[1:] if play.waiting(name)]
    assert not always or max(always) - min(always) <= bound
    gained = play.used[names[0]] - before[names[0]]
    others = [play.used[name] - before[name] for name in names[1:]]
    assert gained <= max(others) + bound


def test_priority_orders_the_runs_of_a_repository_and_age_those_of_equal_priority() -> None:
    world = World()
    for run, priority in (("a", None), ("b", 2), ("c", 9), ("d", 5), ("e", 9)):
        wanted = single(run, "counter")
        wanted["pipeline"]["priority"] = priority
        assert world.enqueue(wanted) == {"Ok": None}
    assert [world.build(each)["run"] for each in (A, B, C, A, B)] == ["c", "e", "a", "d", "b"]


def test_priority_does_not_take_the_turn_of_another_repository() -> None:
    world = World()
    for number in range(4):
        wanted = single(f"urgent-{number}", "urgent")
        wanted["pipeline"]["priority"] = 9
        world.enqueue(wanted)
    for number in range(4):
        wanted = single(f"calm-{number}", "calm")
        wanted["pipeline"]["priority"] = 0
        world.enqueue(wanted)
    taken = Counter(world.build(A)["source"]["repository"] for _ in range(4))
    assert taken == {"urgent": 2, "calm": 2}


def test_a_thousand_runs_of_one_repository_leave_room_for_a_run_of_another() -> None:
    world = World()
    for number in range(1_000):
        assert world.enqueue(single(f"run-{number}", "many")) == {"Ok": None}
    assert world.build(A)["source"]["repository"] == "many"
    assert world.enqueue(single("late", "few")) == {"Ok": None}
    assert world.build(B)["source"]["repository"] == "few"


def test_a_queue_outlives_an_upgrade_with_what_each_repository_has_used() -> None:
    world = World()
    for number, name in enumerate(("one", "two", "one", "two")):
        world.enqueue(single(f"run-{number}", name))
    first = world.build(A)
    assert first["source"]["repository"] == "one"
    world.pass_time(20)
    world.commit(A, first["job"])
    before = world.book.queue_described(world.now)
    world.upgrade()
    assert world.book.queue_described(world.now) == before
    assert world.book.shares.used_ns("one") == 20 * SECOND
    assert world.build(B)["source"]["repository"] == "two"
    world.upgrade()
    assert world.build(B)["source"]["repository"] == "one"


def test_what_only_others_may_still_take_is_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An operator that is faster than all others asks among what it has not answered."""
    world = World()
    for number in range(60):
        world.enqueue(spec(f"run-{number}"))
    for _ in range(60):
        job = world.build(A)
        world.commit(A, job["job"], job["attempt"])
    looked = 0
    whole = __import__("canisters.build_executor.jobs.rules", fromlist=["x"]).free_job

    def counted(*given: Any) -> Any:
        nonlocal looked
        looked += 1
        return whole(*given)

    monkeypatch.setattr("canisters.build_executor.jobs.rules.free_job", counted)
    assert world.lease(A) is None
    assert looked == 0
    assert world.build(B)["run"] == "run-0"


def test_an_operator_that_comes_later_finds_what_waits() -> None:
    world = World()
    world.enqueue(spec("run-1"))
    late = principal(9)
    world.register(late, "operator-9")
    world.announce(late, memory_bytes=1 << 20)
    assert world.lease(late) is None
    world.announce(late)
    assert world.build(late)["run"] == "run-1"


def test_a_disabled_executor_has_no_work_and_an_enabled_one_has_it_again(world: World) -> None:
    world.enqueue(spec("run-1"))
    world.enable(A, False)
    assert not world.has_work(A)
    world.enable(A, True)
    assert world.build(A)["run"] == "run-1"


@pytest.mark.parametrize("open_runs", [10, 400])
def test_a_lease_costs_the_same_map_operations_for_any_number_of_runs(open_runs: int) -> None:
    world = World()
    for number in range(open_runs):
        world.enqueue(single(f"run-{number}", f"repository-{number % 10}"))
    world.build(A)
    before = world.operations()
    world.build(B)
    assert world.operations() - before <= 25


def test_a_run_that_waits_where_no_executor_is_active_can_be_cancelled() -> None:
    world = World()
    for executor in (A, B, C):
        world.enable(executor, False)
    assert world.enqueue(single("run-1", "demo")) == {"Ok": None}
    assert world.cancel("run-1") == {"Ok": None}
    assert "Cancelled" in world.run("run-1")["state"]
