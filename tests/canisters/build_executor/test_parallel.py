"""`parallel`: how many jobs of the stages of one matrix, or of one stage, are at work at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.rules.limits import BUILD_MARGIN_NS, LEASE_NS
from tests.canisters.build_executor.helpers.specs import spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, World
from tests.examples import examples

OK = {"Ok": None}
EXECUTORS = (A, B, C)


def matrix(count: int, parallel: int | None, **changes: Any) -> list[dict[str, Any]]:
    """Stages of one matrix."""
    usual = {"replicas": 1, "quorum": 1, "group": "build", "parallel": parallel, **changes}
    return [
        stage(f"build-{number}", artifacts=[f"out-{number}"], **usual) for number in range(count)
    ]


def at_work(world: World, run: str = "run-1") -> int:
    return sum("Leased" in job["state"] for job in world.jobs(run).values())


def take_all(world: World) -> list[tuple[str, str]]:
    """Every executor leases what it gets: (executor, job)."""
    taken: list[tuple[str, str]] = []
    for executor in EXECUTORS:
        while (work := world.lease(executor)) is not None:
            taken.append((executor, work["Build"]["job"]))
    return taken


@pytest.fixture
def wide() -> World:
    """Executors with more slots than there are jobs."""
    world = World()
    for executor in EXECUTORS:
        world.announce(executor, slots=16)
    return world


def test_no_more_jobs_of_a_matrix_are_at_work_than_it_says(wide: World) -> None:
    wide.enqueue(spec("run-1", *matrix(6, 2)))
    (first, job), _ = take_all(wide)
    assert at_work(wide) == 2
    assert wide.commit(first, job) == OK
    assert len(take_all(wide)) == 1
    assert at_work(wide) == 2
    # Another run, and a stage without a bound, are not counted.
    wide.enqueue(spec("run-2", *matrix(3, 2), stage("free", replicas=1, quorum=1)))
    assert len(take_all(wide)) == 3
    assert (at_work(wide), at_work(wide, "run-2")) == (2, 3)


def test_replicas_count_and_a_stage_alone_has_a_bound_of_its_own(wide: World) -> None:
    wide.enqueue(spec("run-1", stage("build", parallel=1), stage("other")))
    jobs = [job for _, job in take_all(wide)]
    assert sum(job.startswith("run-1/build/") for job in jobs) == 1
    assert sum(job.startswith("run-1/other/") for job in jobs) == 3
    done: list[str] = []
    while mine := [
        (job["job"], name)
        for job in wide.jobs().values()
        for name in EXECUTORS
        if job["stage"] == "build"
        and "Leased" in job["state"]
        and job["executor"] is not None
        and job["executor"].to_str() == name
    ]:
        ((job_name, holder),) = mine
        assert wide.commit(holder, job_name) == OK
        done.append(job_name)
        take_all(wide)
    # One vote after the other, until all three are in.
    assert sorted(done) == [f"run-1/build/{number}" for number in range(3)]


def test_what_waits_for_its_turn_says_so(wide: World) -> None:
    wide.enqueue(spec("run-1", *matrix(3, 1)))
    take_all(wide)
    said = "its turn: 1 job is at work, as many as parallel of build lets"
    assert wide.waits().count(said) == 2


def test_a_lease_that_ran_out_makes_room(wide: World) -> None:
    wide.enqueue(spec("run-1", *matrix(2, 1)))
    ((holder, job),) = take_all(wide)
    wide.pass_time(LEASE_NS / SECOND)
    assert "Queued" in wide.jobs()[job]["state"]
    taken = take_all(wide)
    assert len(taken) == 1
    assert (holder, job) not in taken


def test_a_job_that_is_given_back_makes_room_and_so_does_a_stage_that_ends(wide: World) -> None:
    wide.enqueue(spec("run-1", *matrix(3, 1)))
    ((holder, job),) = take_all(wide)
    wide.release(holder, job, cause="Unable")
    ((holder, job),) = take_all(wide)
    attempt = wide.jobs()[job]["attempt"]
    assert wide.commit(holder, job, attempt) == OK
    ended = job.split("/")[1]
    assert wide.decide("Agreed", [], [job], stage=ended) == OK
    assert len(take_all(wide)) == 1


def paused(world: World, executor: str) -> float:
    """For how many seconds an executor is given nothing."""
    began = world.now
    while not world.has_work(executor):
        world.pass_time(1)
    return (world.now - began) / SECOND


def test_whoever_fails_at_one_stage_of_a_bound_pauses_at_all_of_them(world: World) -> None:
    world.enqueue(spec("run-1", *matrix(3, 1)))
    pauses = []
    for _ in range(9):
        work = world.build(A)
        for _ in range(20):
            world.pass_time(20)
            world.beat(A, work["job"], work["attempt"])
        world.release(A, work["job"], work["attempt"])
        pauses.append(paused(world, A))
    # Doubled each time that it comes back, and no longer than the 400 s that it held the job.
    longest = [min(5 * 2**number * 1.25, 400) for number in range(9)]
    shortest = [min(5 * 2**number * 0.75, 400) for number in range(9)]
    for least, pause, most in zip(shortest, pauses, longest, strict=True):
        assert least <= pause <= most + 1
    # The others have nothing to wait for.
    assert world.build(B)["job"].startswith("run-1/")
    # In another run, and at a stage without that bound, it is asked as before.
    work = world.lease(A)
    assert work is None
    world.enqueue(spec("run-2", *matrix(2, 1), repository="other"))
    assert world.build(A)["run"] == "run-2"


def test_jobs_that_fail_together_count_once_in_the_group(wide: World) -> None:
    wide.enqueue(spec("run-1", *matrix(8, 4)))
    mine = [wide.build(A) for _ in range(4)]
    wide.pass_time(20)
    for work in mine:
        wide.release(A, work["job"], work["attempt"])
    assert paused(wide, A) <= 5 * 1.25 + 1
    assert wide.build(A)["job"] not in {work["job"] for work in mine}


def test_one_that_is_unable_and_says_so_at_once_builds_the_rest_soon(wide: World) -> None:
    wide.enqueue(spec("run-1", *matrix(9, 1)))
    for _ in range(8):
        work = wide.build(A)
        wide.release(A, work["job"], work["attempt"], cause="Unable")
        assert paused(wide, A) <= 5 * 1.25 + 1
    assert wide.build(A)["job"] == "run-1/build-8/0"


def test_a_lease_that_ran_out_pauses_at_the_whole_group(wide: World) -> None:
    wide.enqueue(spec("run-1", *matrix(5, 1)))
    for _ in range(4):
        work = wide.build(A)
        wide.pass_time(LEASE_NS / SECOND)
        assert "Queued" in wide.jobs()[work["job"]]["state"]
        # 5 s, 10 s, 20 s, and no longer than it held the job.
        assert 0 < paused(wide, A) <= LEASE_NS / SECOND + 1


def test_a_stage_that_is_opened_later_knows_who_pauses_in_its_group(wide: World) -> None:
    first, second, third = matrix(3, 1)
    first["group"] = None
    first["parallel"] = None
    third["depends_on"] = ["build-0"]
    wide.enqueue(spec("run-1", first, second, third))
    work = wide.build(B)
    assert work["job"] == "run-1/build-0/0"
    failing = wide.build(A)
    assert failing["job"] == "run-1/build-1/0"
    wide.pass_time(20)
    wide.release(A, failing["job"], cause="Weather")
    assert wide.commit(B, work["job"]) == OK
    assert wide.decide("Agreed", [], [work["job"]], stage="build-0") == OK
    assert not wide.has_work(A)
    assert wide.has_work(C)


def test_a_cancelled_run_leaves_nothing_behind(wide: World) -> None:
    wide.enqueue(spec("run-1", *matrix(4, 2)))
    take_all(wide)
    assert wide.cancel() == OK
    wide.enqueue(spec("run-2", *matrix(4, 2)))
    assert len(take_all(wide)) == 2


def test_the_bound_holds_after_an_upgrade(wide: World) -> None:
    wide.enqueue(spec("run-1", *matrix(4, 2)))
    (first, job), _ = take_all(wide)
    wide.upgrade()
    assert take_all(wide) == []
    assert wide.commit(first, job) == OK
    assert len(take_all(wide)) == 1


def test_retries_after_the_time_limit_lengthen_the_lease(world: World) -> None:
    causes = [{"cause": "command", "times": 1}, {"cause": "time_limit", "times": 2}]
    world.enqueue(spec("run-1", stage("build", retry_causes=causes)))
    job = world.build(A)["job"]
    # Three times the timeout of 60 s, as long as heartbeats come.
    end = world.now + 180 * SECOND + BUILD_MARGIN_NS
    while world.now + 20 * SECOND < end:
        world.pass_time(20)
        assert world.beat(A, job)["Ok"]["cancelled"] is False
    assert world.beat(A, job)["Ok"]["until_ns"] == end


_events = st.lists(
    st.tuples(
        st.sampled_from(["lease", "commit", "release", "time", "cancel", "upgrade"]),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=examples(40))
@given(st.integers(1, 4), st.integers(1, 4), _events)
def test_the_bound_holds_whatever_happens(
    parallel: int, replicas: int, events: list[tuple[str, int]]
) -> None:
    world = World()
    votes = {"replicas": min(replicas, 3), "quorum": min(replicas, 3)}
    for number in (1, 2):
        world.enqueue(spec(f"run-{number}", *matrix(3, parallel, **votes), repository=f"r{number}"))
    for what, who in events:
        executor = EXECUTORS[who]
        mine = [
            job
            for run in ("run-1", "run-2")
            for job in world.jobs(run).values()
            if "Leased" in job["state"] and job["executor"].to_str() == executor
        ]
        if what == "lease":
            world.lease(executor)
        elif what == "commit" and mine:
            world.commit(executor, mine[0]["job"], mine[0]["attempt"])
        elif what == "release" and mine:
            world.release(executor, mine[0]["job"], mine[0]["attempt"])
        elif what == "time":
            world.pass_time(25)
        elif what == "cancel":
            world.cancel(f"run-{who + 1}")
        elif what == "upgrade":
            world.upgrade()
        assert all(at_work(world, run) <= parallel for run in ("run-1", "run-2"))
        # What is kept in memory is what an upgrade would make of the records.
        assert world.book.queue_described(world.now) == world.of_maps().queue_described(world.now)


def test_a_change_costs_the_same_however_many_runs_have_bounds(wide: World) -> None:
    costs: list[int] = []
    for number in range(30):
        wide.enqueue(spec(f"run-{number}", *matrix(4, 1), repository=f"repository-{number}"))
        before = wide.operations()
        work = wide.build(A)
        assert wide.commit(A, work["job"], work["attempt"]) == OK
        costs.append(wide.operations() - before)
    assert max(costs[5:]) <= max(costs[:5]) + 2
