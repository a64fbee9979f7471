"""A failure costs the operator that failed its turn, and never the run."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.build_executor import deadlines
from canisters.build_executor.jobs import rules
from shared.rules.limits import (
    BUILD_MARGIN_NS,
    LEASE_NS,
    MAX_JOB_FAILURES,
    MAX_QUEUE_NS,
    MAX_WEATHER_PAUSE_NS,
    MIN_GRACE_NS,
    REOPEN_NS,
)
from tests.canisters.build_executor.helpers.specs import spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, D, World

LEASE_SECONDS = LEASE_NS / SECOND
HOUR = 3_600


def pause_of(world: World, executor: str) -> float:
    """Seconds until the executor has work again."""
    began = world.now
    while not world.has_work(executor):
        world.pass_time(1)
        assert world.now - began < 2 * MAX_WEATHER_PAUSE_NS
    return (world.now - began) / SECOND


def test_weather_backs_off_and_ends_nothing(world: World) -> None:
    """The Git host is away: each of three operators gives back, again and again."""
    world.enqueue()
    for _ in range(12):
        for executor in (A, B, C):
            work = world.build(executor)
            reason = "git answered: connection refused"
            assert world.release(executor, work["job"], work["attempt"], reason) == {"Ok": None}
        assert "git answered: connection refused" in world.waits()[0]
        assert world.run()["waiting_for"][0]["next_try_ns"] > world.now
        for executor in (A, B, C):
            pause_of(world, executor)
        world.pass_time(30)
    assert "Running" in world.run()["state"]
    world.decide("Agreed", [], world.all_commit())
    assert world.run()["state"] == {"Succeeded": None}


def test_pauses_double_up_to_a_bound(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    pauses = []
    for _ in range(11):
        work = world.build(A)
        world.release(A, work["job"], work["attempt"])
        pauses.append(pause_of(world, A))
    assert 3 <= pauses[0] <= 7 and 7 <= pauses[1] <= 13 and 14 <= pauses[2] <= 26
    assert all(pause <= MAX_WEATHER_PAUSE_NS / SECOND * 1.25 + 1 for pause in pauses)
    assert pauses[-1] > MAX_WEATHER_PAUSE_NS / SECOND * 0.7


@pytest.mark.parametrize("cause", ["Weather", "Unable", "Stopping"])
def test_one_that_gives_back_in_a_loop_gets_its_turn_rarely_and_others_get_theirs(
    world: World, cause: str
) -> None:
    world.enqueue()
    leases = 0
    for _ in range(600):
        if world.has_work(A):
            work = world.build(A)
            world.release(A, work["job"], work["attempt"], cause=cause)
            leases += 1
        world.pass_time(1)
    assert leases <= 8
    for executor in (B, C):
        work = world.build(executor)
        assert world.commit(executor, work["job"], work["attempt"]) == {"Ok": None}


def test_who_is_unable_again_and_again_is_not_asked_at_once_for_changing_its_offer(
    world: World,
) -> None:
    world.enqueue(spec("run-1", stage("build", parallel=1)))
    pauses = []
    for turn in range(8):
        work = world.build(A)
        world.release(A, work["job"], work["attempt"], cause="Unable", reason="moc is missing")
        world.announce(A, cpus=9 + turn % 2)
        pauses.append(0 if world.has_work(A) else pause_of(world, A))
    assert pauses[0] == 0
    assert 3 <= pauses[1] <= 7 and 7 <= pauses[2] <= 13
    assert pauses[-1] > 200
    assert world.build(B)


def test_a_run_that_nobody_was_able_to_build_says_why_after_an_offer_has_changed(
    world: World,
) -> None:
    world.enqueue(spec("run-1", stage("build"), queue_seconds=600))
    world.release(A, world.build(A)["job"], cause="Unable", reason="moc is missing")
    world.announce(A, cpus=9)
    world.pass_time(601)
    reason = world.run()["state"]["Inconclusive"]
    assert "most often because moc is missing: add an executor that can run the stage" in reason


def test_one_key_that_stops_leaves_the_job_to_the_operators_other_key_at_once(
    world: World,
) -> None:
    world.register(D, "operator-0")
    world.announce(D)
    world.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    world.release(A, world.build(A)["job"], cause="Stopping", reason="the executor is stopping")
    assert not world.has_work(A)
    assert world.build(D)["attempt"] == 2


def test_one_that_is_unable_is_asked_again_when_its_offer_changes(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    world.announce(A)
    world.release(A, world.build(A)["job"], cause="Unable", reason="moc is missing")
    world.pass_time(5 * 24 * HOUR)
    assert not world.has_work(A)
    world.announce(A)
    assert not world.has_work(A)
    # To be started again changes nothing.
    world.announce(A, leaving=True)
    world.announce(A)
    assert not world.has_work(A)
    world.announce(A, runtimes=["Shell"])
    assert world.has_work(A)


def test_the_end_of_a_pause_wakes_the_canister_once(world: World) -> None:
    """Executors ask by queries, which see the time of the last message: the timer brings it."""
    world.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    for executor in (A, B):
        work = world.build(executor)
        world.release(executor, work["job"], work["attempt"], "git is away")
    stage_of_run: Any = world.book.stage("run-1/build")
    for end_ns in sorted(pause["until_ns"] for pause in stage_of_run["pauses"]):
        assert world.book.next_due_ns() == end_ns
        world.now = end_ns
        assert deadlines.pass_due(world.book, world.now) > world.now
        world.upgrade()
    assert world.book.next_due_ns() == stage_of_run["commit_until_ns"]


def test_the_time_at_which_a_closed_round_takes_votes_again_wakes_the_canister(
    world: World,
) -> None:
    world.enqueue()
    for executor in (A, B):
        world.commit(executor, world.build(executor)["job"])
    world.pass_time(MIN_GRACE_NS / SECOND)
    assert world.book.next_due_ns() == world.now + REOPEN_NS
    world.pass_time(REOPEN_NS / SECOND)
    assert world.has_work(C)
    assert world.book.next_due_ns() > world.now + REOPEN_NS


def test_a_lease_burner_waits_longer_after_each_lease(world: World) -> None:
    world.enqueue()
    began, leases = world.now, 0
    while world.now - began < 2 * HOUR * SECOND:
        if world.has_work(A):
            world.build(A)
            leases += 1
        world.pass_time(5)
    assert leases <= 9
    assert world.has_work(B) and world.has_work(C)


def test_heartbeats_do_not_hold_a_job_beyond_the_stages_timeout(world: World) -> None:
    world.enqueue()
    job = world.build(A)["job"]
    began = world.now
    while "Ok" in world.beat(A, job):
        world.pass_time(10)
    held = world.now - began
    assert 60 * SECOND <= held <= 60 * SECOND + BUILD_MARGIN_NS
    assert "timeout passed" in world.jobs()[job]["failures"][0]["reason"]


def test_commitments_close_a_grace_after_the_quorum_though_one_holds_its_job(
    world: World,
) -> None:
    world.enqueue()
    for executor in (A, B):
        world.commit(executor, world.build(executor)["job"])
    lazy = world.build(C)["job"]
    for _ in range(int(MIN_GRACE_NS / SECOND)):
        record: Any = world.book.stage("run-1/build")
        assert not record["closing"]
        assert "which is the quorum: the others have until " in world.waits()[0]
        world.beat(C, lazy)
        world.pass_time(1)
    record = world.book.stage("run-1/build")
    assert record["closing"]
    assert "reveal their results" in world.waits()[0]
    world.decide("Agreed", [], ["run-1/build/0", "run-1/build/1"])
    assert world.beat(C, lazy)["Ok"]["cancelled"] is True
    assert world.run()["state"] == {"Succeeded": None}


def test_the_grace_is_half_of_what_a_slow_quorum_took_and_never_counts_waiting(
    world: World,
) -> None:
    world.enqueue()
    world.pass_time(40 * HOUR)
    jobs = {executor: world.build(executor)["job"] for executor in (A, B)}
    for _ in range(20):
        world.pass_time(20)
        for executor, job in jobs.items():
            world.beat(executor, job)
    for executor, job in jobs.items():
        assert world.commit(executor, job) == {"Ok": None}
    record: Any = world.book.stage("run-1/build")
    assert rules.grace_end_ns(record) == world.now + 200 * SECOND


def test_a_stage_sets_its_own_grace(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", grace_seconds=5)))
    for executor in (A, B):
        world.commit(executor, world.build(executor)["job"])
    world.pass_time(5)
    record: Any = world.book.stage("run-1/build")
    assert record["closing"]


def test_a_closed_round_without_a_verdict_gives_its_jobs_out_again(world: World) -> None:
    world.enqueue()
    for executor in (A, B):
        world.commit(executor, world.build(executor)["job"])
    world.pass_time(MIN_GRACE_NS / SECOND)
    assert not world.has_work(C)
    world.pass_time(REOPEN_NS / SECOND)
    unequal = (
        "2 of 3 operators have committed, what they revealed so far is no quorum of equal results"
    )
    assert f"{unequal}: further votes are awaited" in world.waits()[0]
    work = world.build(C)
    assert f"{unequal}: at work: " in world.waits()[0]
    assert world.commit(C, work["job"], work["attempt"]) == {"Ok": None}


def test_a_run_that_nobody_has_begun_waits_through_a_weekend(world: World) -> None:
    world.enqueue()
    world.pass_time(60 * HOUR)
    assert "Queued" in world.run()["state"]
    world.decide("Agreed", [], world.all_commit())
    assert world.run()["state"] == {"Succeeded": None}


def test_a_pipeline_sets_its_queue_time_and_its_end_names_the_most_common_cause(
    world: World,
) -> None:
    world.enqueue(spec("run-1", stage("build"), queue_seconds=HOUR))
    for executor in (A, B):
        work = world.build(executor)
        reason = "git answered: could not resolve host"
        world.release(executor, work["job"], work["attempt"], reason)
    world.release(C, world.build(C)["job"], 2, "the disk is full")
    world.pass_time(HOUR - 1)
    assert "Running" in world.run()["state"]
    world.pass_time(1)
    why = world.run()["state"]["Inconclusive"]
    assert "could not resolve host" in why and "disk" not in why
    assert "see that the executors reach what they need" in why


def test_work_that_was_begun_in_the_queue_time_may_end_after_it(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", grace_seconds=0), queue_seconds=HOUR))
    world.pass_time(HOUR - 1)
    jobs = {executor: world.build(executor)["job"] for executor in (A, B)}
    world.pass_time(20)
    assert not world.has_work(C)
    for executor, job in jobs.items():
        assert world.commit(executor, job) == {"Ok": None}
    assert "Running" in world.run()["state"]
    world.decide("Agreed", [], list(jobs.values()))
    assert world.run()["state"] == {"Succeeded": None}


def test_a_queue_time_above_the_limit_is_cut(world: World) -> None:
    world.enqueue(spec("run-1", queue_seconds=2 * MAX_QUEUE_NS // SECOND))
    world.pass_time(MAX_QUEUE_NS / SECOND)
    assert "Inconclusive" in world.run()["state"]


def test_a_job_shows_its_last_failures_its_phase_and_its_next_try(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    for number in range(MAX_JOB_FAILURES + 2):
        world.pass_time(2 * HOUR)
        work = world.build(A)
        world.beat(A, work["job"], work["attempt"], phase="checkout")
        assert world.jobs()[work["job"]]["phase"] == "checkout"
        assert "operator-0 (checkout)" in world.waits()[0]
        world.release(A, work["job"], work["attempt"], f"failure {number}")
    job = world.jobs()["run-1/build/0"]
    assert len(job["failures"]) == MAX_JOB_FAILURES
    last = job["failures"][-1]
    assert last["reason"] == f"failure {MAX_JOB_FAILURES + 1}"
    assert (last["operator"], last["cause"]) == ("operator-0", "Weather")
    assert job["phase"] is None
    assert job["next_try_ns"] > world.now


def test_an_executor_holds_as_many_jobs_as_it_has_slots(world: World) -> None:
    world.announce(A, slots=2)
    world.enqueue(spec("run-1", stage("one"), stage("two"), stage("three")))
    assert {world.build(A)["stage"]["name"] for _ in range(2)} == {"one", "two"}
    assert world.lease(A) is None
    world.commit(A, "run-1/one/0")
    assert world.build(A)["stage"]["name"] == "three"
