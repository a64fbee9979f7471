"""Leases: who gets a job, what keeps it and what ends it."""

from __future__ import annotations

import pytest

from shared.rules.limits import (
    LEASE_NS,
    MAX_HELD_JOBS,
    MAX_LEASES_PER_EXECUTOR,
)
from tests.canisters.build_executor.helpers.specs import spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, D, World

LEASE_SECONDS = LEASE_NS / SECOND
GIB = 1 << 30


def test_each_operator_gets_one_replica_of_a_stage(world: World) -> None:
    world.enqueue()
    jobs = {world.build(executor)["job"] for executor in (A, B, C)}
    assert jobs == {"run-1/build/0", "run-1/build/1", "run-1/build/2"}
    assert world.lease(A) is None


def test_a_second_executor_of_an_operator_gets_no_other_replica(world: World) -> None:
    world.register(D, "operator-0")
    world.announce(D)
    world.enqueue()
    job = world.build(A)["job"]
    assert world.lease(D) is None
    world.commit(A, job)
    assert world.lease(D) is None
    assert world.build(B)["job"] == "run-1/build/1"


def test_another_operator_takes_over_an_expired_lease(world: World) -> None:
    world.register(D, "operator-0")
    world.announce(D)
    world.enqueue()
    world.build(A)
    world.pass_time(LEASE_SECONDS, tick=False)
    assert world.lease(D) is None  # the operator pauses, whichever of its keys it was
    work = world.build(B)
    assert (work["job"], work["attempt"]) == ("run-1/build/0", 2)


def test_work_tells_all_that_the_job_needs(world: World) -> None:
    first = stage("lib", environment=[{"name": "X", "value": "own"}])
    shared = [{"name": "X", "value": "all"}, {"name": "Y", "value": "y"}]
    wanted = spec("run-1", first, environment=shared)
    world.enqueue(wanted)
    work = world.build(A)
    assert work["source"] == wanted["source"]
    assert work["stage"] == first
    assert work["environment"] == [{"name": "X", "value": "own"}, {"name": "Y", "value": "y"}]
    assert work["attempt"] == 1
    assert work["inputs"] == []
    assert work["lease_until_ns"] == world.now + LEASE_NS
    assert "Running" in world.run()["state"]


def test_an_executor_gets_only_what_it_can_run(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", runtime={"Rust": None})))
    assert world.lease(A) is None
    world.register(A, "operator-0", "Rust", "Shell")
    world.announce(A, runtimes=["Shell"])
    assert not world.has_work(A)
    world.announce(A, runtimes=["Shell", "Rust"])
    assert world.has_work(A)


def test_who_has_announced_no_offer_is_told_to_and_gets_no_build(world: World) -> None:
    world.register(D, "operator-3")
    assert not world.has_work(D)
    world.enqueue()
    # It asks, so that a canister which has lost the offer soon has it again.
    assert world.has_work(D)
    assert "announce your offer first" in world.lease(D)["Conflict"]
    world.announce(D, runtimes=["Shell"])
    assert world.build(D)["run"] == "run-1"


def test_stages_of_one_executor_together_fit_its_machine(world: World) -> None:
    # Each asks for 1 GiB of memory and 1 GiB of storage. The machine has 4 GiB, divided among two
    # slots: what is offered is the part of one.
    world.announce(A, memory_bytes=2 * GIB, storage_bytes=2 * GIB, slots=2, files_in_memory=True)
    for number in range(10):
        world.enqueue(spec(f"run-{number}"))
    assert {world.build(A)["run"] for _ in range(2)} == {"run-0", "run-1"}
    assert world.lease(A) is None


def test_files_in_memory_count_as_memory(world: World) -> None:
    world.enqueue()
    for in_memory in (True, None, False):
        world.announce(A, memory_bytes=GIB + 1, storage_bytes=GIB, files_in_memory=in_memory)
        assert world.has_work(A) == (not in_memory)


def test_older_runs_come_first(world: World) -> None:
    world.enqueue(spec("run-1"))
    world.enqueue(spec("run-2"))
    assert world.build(A)["run"] == "run-1"
    assert world.build(A)["run"] == "run-2"


@pytest.mark.parametrize("disabled", [True, False])
def test_strangers_and_disabled_executors_get_nothing(world: World, disabled: bool) -> None:
    world.enqueue()
    if disabled:
        world.enable(A, False)
    caller = A if disabled else D
    assert not world.has_work(caller)
    error = world.lease(caller)
    assert ("disabled" if disabled else "not a registered") in error["Denied"]


def test_a_heartbeat_extends_the_lease(world: World) -> None:
    world.enqueue()
    job = world.build(A)["job"]
    for _ in range(4):
        world.pass_time(LEASE_SECONDS * 0.9)
        answer = world.beat(A, job)
        assert answer["Ok"] == {"until_ns": world.now + LEASE_NS, "cancelled": False}
    assert world.jobs()[job]["attempt"] == 1


@pytest.mark.parametrize("tick", [True, False])
def test_an_expired_lease_is_requeued_with_the_next_attempt(world: World, tick: bool) -> None:
    world.enqueue()
    job = world.build(A)["job"]
    world.pass_time(LEASE_SECONDS, tick=tick)
    assert "attempt 1 is over" in world.release(A, job)["Err"]["Conflict"]
    assert world.jobs()[job]["state"] == {"Queued": None}
    assert world.build(B)["attempt"] == 2
    late = world.beat(A, job)
    assert "attempt 1 is over" in late["Err"]["Conflict"]
    assert "Conflict" in world.commit(A, job)["Err"]
    assert world.executor(A)["leases_lost"] == 1


def test_only_the_holder_of_a_lease_is_heard(world: World) -> None:
    world.enqueue()
    job = world.build(A)["job"]
    for answer in (world.beat(B, job), world.commit(B, job), world.release(B, job)):
        assert "does not hold" in answer["Err"]["Denied"]
    assert "NotFound" in world.beat(A, "run-1/build/9")["Err"]
    assert "NotFound" in world.beat(A, "run-1/build/00")["Err"]
    assert "NotFound" in world.beat(A, "nonsense")["Err"]
    assert "Conflict" in world.beat(A, job, attempt=2)["Err"]
    assert world.beat(A, job)["Ok"]["cancelled"] is False


def test_a_commitment_sent_twice_is_taken_once(world: World) -> None:
    world.enqueue()
    job = world.build(A)["job"]
    assert world.commit(A, job) == {"Ok": None}
    assert world.commit(A, job) == {"Ok": None}
    other = world.commit(A, job, commitment=b"d" * 32)
    assert "committed already" in other["Err"]["Conflict"]
    assert "Denied" in world.commit(B, job)["Err"]
    assert "committed already" in world.beat(A, job)["Err"]["Conflict"]
    assert world.jobs()[job]["state"] == {"Committed": None}
    assert world.executor(A)["jobs_committed"] == 1


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_commitment_is_32_bytes(world: World, length: int) -> None:
    world.enqueue()
    job = world.build(A)["job"]
    assert "32" in world.commit(A, job, commitment=b"x" * length)["Err"]["Invalid"]


def test_a_committed_job_survives_the_end_of_its_lease(world: World) -> None:
    world.enqueue()
    job = world.build(A)["job"]
    world.commit(A, job)
    world.pass_time(LEASE_SECONDS * 3)
    assert world.jobs()[job]["state"] == {"Committed": None}
    assert world.jobs()[job]["operator"] == "operator-0"


def test_disabling_an_executor_takes_its_leases_back_but_not_its_commitments(
    world: World,
) -> None:
    world.enqueue(spec("run-1"))
    world.enqueue(spec("run-2"))
    first = world.build(A)["job"]
    world.commit(A, first)
    second = world.build(A)["job"]
    assert world.enable(A, False) == {"Ok": None}
    assert world.jobs("run-1")[first]["state"] == {"Committed": None}
    assert world.jobs("run-2")[second]["state"] == {"Queued": None}
    assert "Err" in world.beat(A, second)
    assert "Err" in world.commit(A, second)
    world.enable(A, True)
    assert world.build(A)["attempt"] == 2


def test_leases_of_one_executor_are_bounded(world: World) -> None:
    world.announce(A, slots=MAX_LEASES_PER_EXECUTOR)
    for number in range(MAX_LEASES_PER_EXECUTOR + 1):
        world.enqueue(spec(f"run-{number}"))
    for _ in range(MAX_LEASES_PER_EXECUTOR):
        world.build(A)
    assert world.lease(A) is None
    assert world.build(B)["run"] == "run-0"
    world.pass_time(LEASE_SECONDS, tick=False)
    assert world.build(A)["run"] == f"run-{MAX_LEASES_PER_EXECUTOR}"


def test_an_oversized_request_is_refused_by_name(world: World) -> None:
    world.enqueue()
    error = world.lease(A, *("run-1/build/0",) * (MAX_HELD_JOBS + 1))
    assert "MAX_HELD_JOBS" in error["TooLarge"]


def test_asking_for_work_costs_the_same_whatever_is_in_the_records(world: World) -> None:
    for number in range(60):
        world.enqueue(spec(f"run-{number}"))
        if number < 59:
            world.cancel(f"run-{number}")
    before = world.operations()
    assert world.has_work(A)
    assert world.operations() - before == 0
    before = world.operations()
    world.build(A)
    assert world.operations() - before <= 9
    before = world.operations()
    world.beat(A, "run-59/build/0", log=b"compiling\n")
    # The log, when it came, and the stage.
    assert world.operations() - before <= 3


def test_an_upgrade_between_any_two_calls_changes_nothing(world: World) -> None:
    world.enqueue()
    world.upgrade()
    job = world.build(A)["job"]
    world.upgrade()
    assert world.book.next_due_ns() == world.now + LEASE_NS
    assert world.beat(A, job)["Ok"]["cancelled"] is False
    world.upgrade()
    assert world.commit(A, job) == {"Ok": None}
    world.upgrade()
    assert world.commit(A, job) == {"Ok": None}
    assert world.lease(A) is None
    assert world.build(B)["job"] == "run-1/build/1"
