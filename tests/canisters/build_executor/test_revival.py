"""A lease that ran out for want of heartbeats is restored when its holder comes back in time."""

from __future__ import annotations

from typing import Any

import pytest

from shared.rules.limits import BUILD_MARGIN_NS, LEASE_NS, MAX_LOST_PAUSE_NS, MIN_GRACE_NS
from tests.canisters.build_executor.helpers.specs import spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, D, World

LEASE_SECONDS = LEASE_NS / SECOND
JOB = "run-1/build/0"
ONE = {"replicas": 1, "quorum": 1}


def pauses(world: World) -> Any:
    record: Any = world.book.stage("run-1/build")
    return record["pauses"]


@pytest.fixture
def lost(world: World) -> World:
    """A's lease of the only job has run out; nobody has taken the job since."""
    world.enqueue(spec("run-1", stage("build", **ONE)))
    world.build(A)
    world.beat(A, JOB, log=b"compiling\n")
    world.pass_time(LEASE_SECONDS + 40)
    assert world.jobs()[JOB]["state"] == {"Queued": None}
    return world


@pytest.mark.parametrize("upgraded", [False, True])
def test_a_heartbeat_restores_the_lease_and_charges_nobody(lost: World, upgraded: bool) -> None:
    if upgraded:
        lost.upgrade()
    answer = lost.beat(A, JOB, offset=10, log=b"linking\n", phase="stage")
    assert answer["Ok"] == {"until_ns": lost.now + LEASE_NS, "cancelled": False}
    job = lost.jobs()[JOB]
    assert (job["state"], job["attempt"], job["operator"]) == ({"Leased": None}, 1, "operator-0")
    assert job["failures"] == [] and job["phase"] == "stage"
    assert lost.log(JOB)["Ok"]["content"] == b"compiling\nlinking\n"
    assert pauses(lost) == []
    assert lost.executor(A)["leases_lost"] == 0
    assert lost.book.next_due_ns() == lost.now + LEASE_NS
    assert lost.lease(B) is None
    lost.upgrade()
    assert lost.commit(A, JOB) == {"Ok": None}


def test_a_finished_build_is_committed_after_the_network_was_down(world: World) -> None:
    """All three leases run out while nothing is executed; the timer comes first."""
    world.enqueue()
    jobs = {executor: world.build(executor)["job"] for executor in (A, B, C)}
    world.pass_time(50, tick=False)
    world.pass_time(0)
    for executor, job in jobs.items():
        assert world.commit(executor, job) == {"Ok": None}
        assert world.commit(executor, job) == {"Ok": None}
    world.decide("Agreed", [], list(jobs.values()))
    assert world.run()["state"] == {"Succeeded": None}


def test_a_job_that_another_operator_has_taken_stays_with_it(lost: World) -> None:
    assert lost.build(B)["attempt"] == 2
    assert "attempt 1 is over" in lost.beat(A, JOB)["Err"]["Conflict"]
    assert "attempt 1 is over" in lost.commit(A, JOB)["Err"]["Conflict"]
    # Nor when that one has lost it again: A's build is no longer the last.
    lost.pass_time(LEASE_SECONDS)
    assert "attempt 1 is over" in lost.commit(A, JOB)["Err"]["Conflict"]
    assert lost.commit(B, JOB, attempt=2) == {"Ok": None}


def test_another_executor_of_the_operator_that_works_on_the_stage_ends_the_claim(
    world: World,
) -> None:
    """One vote an operator, and the newer work counts, also when it came to nothing."""
    world.register(D, "operator-0")
    world.announce(D)
    world.enqueue(spec("run-1", stage("build")))
    world.build(A)
    world.pass_time(LEASE_SECONDS)
    other = world.build(B)
    assert (other["job"], other["attempt"]) == (JOB, 2)
    world.release(B, JOB, 2, cause="Unable")
    world.pass_time(2 * LEASE_SECONDS + 60)
    work = world.build(D)
    assert "Err" in world.beat(A, JOB)
    world.release(D, work["job"], work["attempt"])
    assert "Err" in world.beat(A, JOB)
    assert "Err" in world.commit(A, JOB)


def test_the_same_job_taken_by_the_operators_other_executor_is_refused(lost: World) -> None:
    lost.register(D, "operator-0")
    lost.announce(D)
    lost.pass_time(90)
    assert lost.build(D)["attempt"] == 2
    for answer in (lost.beat(A, JOB), lost.commit(A, JOB)):
        assert "attempt 1 is over" in answer["Err"]["Conflict"]


def test_only_the_executor_that_held_it_may_restore_a_lease(lost: World) -> None:
    lost.register(D, "operator-0")
    lost.announce(D)
    for executor in (B, D):
        assert "Err" in lost.beat(executor, JOB)
        assert "Err" in lost.commit(executor, JOB)
    assert "Err" in lost.beat(A, JOB, attempt=2)
    assert "Err" in lost.beat(A, JOB, attempt=0)
    assert "Ok" in lost.beat(A, JOB)


def test_a_disabled_executor_restores_nothing_not_even_later(lost: World) -> None:
    lost.enable(A, False)
    assert "Err" in lost.commit(A, JOB)
    lost.enable(A, True)
    assert "Err" in lost.commit(A, JOB)


def test_nothing_is_restored_beyond_the_stages_timeout(lost: World) -> None:
    lost.pass_time(60 + BUILD_MARGIN_NS / SECOND)
    assert "attempt 1 is over" in lost.beat(A, JOB)["Err"]["Conflict"]
    assert "attempt 1 is over" in lost.commit(A, JOB)["Err"]["Conflict"]


def test_a_restored_lease_ends_when_it_would_have_ended(lost: World) -> None:
    began = lost.now
    while "Ok" in lost.beat(A, JOB):
        lost.pass_time(LEASE_SECONDS + 1)
    assert lost.now - began <= 60 * SECOND + BUILD_MARGIN_NS
    assert "timeout passed" in lost.jobs()[JOB]["failures"][-1]["reason"]


def test_a_lease_that_was_given_back_is_not_restored(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", **ONE)))
    world.build(A)
    world.release(A, JOB, reason="git is away")
    assert "Err" in world.beat(A, JOB)
    assert "Err" in world.commit(A, JOB)


def test_nothing_is_restored_while_a_closed_round_reveals(world: World) -> None:
    world.enqueue()
    late = world.build(C)["job"]
    for executor in (A, B):
        world.commit(executor, world.build(executor)["job"])
    world.pass_time(MIN_GRACE_NS / SECOND)
    record: Any = world.book.stage("run-1/build")
    assert record["closing"]
    assert "Err" in world.beat(C, late)
    assert "Err" in world.commit(C, late)


def test_a_lease_is_not_restored_beyond_the_executors_slots(world: World) -> None:
    world.announce(A, slots=1)
    world.enqueue(spec("run-1", stage("build", **ONE)))
    world.enqueue(spec("run-2", stage("build", **ONE)))
    world.build(A)
    world.pass_time(LEASE_SECONDS)
    assert world.build(A)["run"] == "run-2"
    assert "Err" in world.beat(A, JOB)
    # What it has built meanwhile needs no slot.
    assert world.commit(A, JOB) == {"Ok": None}


def test_a_piece_of_log_that_leaves_a_gap_restores_nothing(lost: World) -> None:
    assert "leaves a gap" in lost.beat(A, JOB, offset=11)["Err"]["Conflict"]
    assert lost.jobs()[JOB]["state"] == {"Queued": None}


def test_earlier_losses_still_count_after_one_was_restored(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", **ONE)))
    for attempt in (1, 2):
        world.build(A)
        world.pass_time(LEASE_SECONDS)
        if attempt == 1:
            world.pass_time(MAX_LOST_PAUSE_NS / SECOND)
    assert [pause["failures"] for pause in pauses(world)] == [2]
    assert "Ok" in world.beat(A, JOB, attempt=2)
    assert [pause["failures"] for pause in pauses(world)] == [1]
    world.pass_time(LEASE_SECONDS)
    assert [pause["failures"] for pause in pauses(world)] == [2]
    assert not world.has_work(A)
