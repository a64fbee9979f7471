"""A run says what it waits for, in every state in which it can wait."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.build_executor.executors import service as executors
from canisters.build_executor.runs.waiting import moment_text
from tests.canisters.build_executor.helpers.specs import file, spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, World


def needs(**changes: Any) -> Any:
    made: dict[str, Any] = {
        "cpus": None,
        "image": None,
        "region": None,
        "image_lock": None,
        "labels": [],
    }
    made.update(changes)
    return made


def resources(**changes: Any) -> Any:
    made: dict[str, Any] = dict(stage("x")["resources"])
    made.update(changes)
    return made


def waits(*stages: Any, announce: bool = True) -> str:
    """What a run with these stages waits for when three executors have announced offers."""
    world = World()
    if announce:
        for executor in (A, B, C):
            world.announce(executor, memory_bytes=16 << 30, cpus=4, network=False)
    world.enqueue(spec("run-1", *stages))
    return world.waits()[0]


def test_what_no_executor_offers_is_named() -> None:
    assert waits(stage("s", runtime={"Rust": None})) == "no executor offers the runtime Rust"
    large = stage("s", resources=resources(memory_bytes=64 << 30))
    assert waits(large) == "no executor offers 64 GiB of memory"
    assert waits(stage("s", resources=resources(network=True))) == "no executor offers the network"
    assert waits(stage("s", needs=needs(cpus=32))) == "no executor offers 32 CPUs"
    assert waits(stage("s", needs=needs(region="eu"))) == "no executor offers the region eu"
    assert waits(stage("s", needs=needs(labels=["gpu"]))) == "no executor offers the label gpu"
    assert waits(stage("s", needs=needs(image="abc"))) == "no executor offers the image abc"


def test_an_executor_is_given_nothing_that_it_does_not_offer(world: World) -> None:
    world.announce(A, memory_bytes=1 << 30, network=False)
    world.enqueue(spec("run-1", stage("s", resources=resources(memory_bytes=2 << 30))))
    assert world.lease(A) is None
    world.announce(A, memory_bytes=2 << 30, network=False)
    assert world.build(A)["stage"]["name"] == "s"


def test_fewer_operators_than_the_quorum_are_named(world: World) -> None:
    world.announce(A, labels=["gpu"])
    world.enqueue(spec("run-1", stage("s", needs=needs(labels=["gpu"]))))
    assert world.waits() == [
        "2 operators must agree, but only 1 (operator-0) offers what the stage needs"
    ]


def test_stages_are_checked_before_any_run(world: World) -> None:
    stages: Any = [stage("ok"), stage("rusty", runtime={"Rust": None})]
    assert executors.check_stages(world.book, stages) == [
        {"stage": "ok", "problem": None},
        {"stage": "rusty", "problem": "no executor offers the runtime Rust"},
    ]
    empty = World()
    for executor in (A, B, C):
        empty.enable(executor, False)
    (found,) = executors.check_stages(empty.book, stages[:1])
    assert "no executor is registered and enabled" in str(found["problem"])


def test_executors_that_were_not_heard_of_lately_are_away(world: World) -> None:
    for executor in (A, B, C):
        world.announce(executor)
    world.pass_time(2 * 3_600)
    world.enqueue()
    # START is 2023-11-14 22:13:20 UTC, and it is past midnight by now.
    assert world.waits() == [
        "no executor is at work (last contact 2023-11-14 22:13:20 UTC, operator operator-2): "
        "start one"
    ]
    assert world.run()["waiting_for"][0]["next_try_ns"] is None
    world.announce(A)
    assert world.waits() == [
        "an executor is to take the next job (last contact 00:13:20 UTC, operator operator-0)"
    ]


def test_a_run_waits_for_executors_that_went_away_since_their_last_contact(world: World) -> None:
    world.enqueue()
    world.pass_time(600)
    for executor in (A, B, C):
        world.announce(executor)
    gone_ns = world.now
    world.pass_time(2 * 3_600)
    (waiting,) = world.run()["waiting_for"]
    assert waiting["reason"].startswith("no executor is at work")
    assert waiting["since_ns"] == gone_ns


def test_executors_that_take_nothing_are_not_awaited_though_they_were_there_a_moment_ago(
    world: World,
) -> None:
    world.enqueue()
    assert world.waits() == [
        "an executor is to take the next job (last contact 22:13:20 UTC, operator operator-2)"
    ]
    world.pass_time(21)
    assert world.waits() == [
        "no executor is at work (last contact 22:13:20 UTC, operator operator-2): start one"
    ]
    world.build(A)
    world.pass_time(2)
    world.beat(A, "run-1/build/0")
    assert world.waits() == [
        "no executor of a further operator that fits is at work "
        "(last contact 22:13:20 UTC, operator operator-2): start one"
    ]


def test_an_executor_that_was_busy_until_now_is_awaited_though_the_job_is_long_free(
    world: World,
) -> None:
    world.announce(A, slots=1)
    for executor in (B, C):
        world.enable(executor, False)
    one = {"replicas": 1, "quorum": 1}
    world.enqueue(spec("run-1", stage("build", **one)))
    job = world.build(A)["job"]
    world.enqueue(spec("run-2", stage("build", **one)))
    for _ in range(2):
        world.pass_time(20)
        world.beat(A, job)
    assert "busy with other jobs: operator-0" in world.waits("run-2")[0]
    world.commit(A, job)
    assert world.waits("run-2") == [
        "an executor is to take the next job (last contact 22:14:00 UTC, operator operator-0)"
    ]
    world.pass_time(21)
    assert world.waits("run-2")[0].startswith("no executor is at work (last contact 22:14:00 UTC")


def test_executors_are_awaited_when_the_bound_of_a_group_lets_them_take_a_job_at_last(
    world: World,
) -> None:
    one = {"replicas": 1, "quorum": 1, "group": "all", "parallel": 1}
    world.enqueue(spec("run-1", stage("a", **one), stage("b", **one)))
    job = world.build(A)["job"]
    for _ in range(2):
        world.pass_time(20)
        world.beat(A, job)
    assert "as many as parallel of all lets" in world.waits()[1]
    world.commit(A, job)
    world.decide("Agreed", [file("out.wasm", b"x")], [job])
    world.enable(A, False)
    assert world.waits()[-1] == (
        "an executor is to take the next job (last contact 22:13:20 UTC, operator operator-2)"
    )
    world.pass_time(21)
    assert world.waits()[-1].startswith("no executor is at work")


def test_an_executor_that_uploads_is_busy(world: World) -> None:
    world.announce(A, slots=1)
    for executor in (B, C):
        world.enable(executor, False)
    one = {"replicas": 1, "quorum": 1}
    world.enqueue(spec("run-1", stage("build", **one)))
    job = world.build(A)["job"]
    world.commit(A, job)
    world.decide("Agreed", [file("out.wasm", b"x")], [job])
    work = world.lease(A, job)
    assert work is not None
    assert "Upload" in work
    world.enqueue(spec("run-2", stage("build", **one)))
    world.pass_time(25)
    assert "busy with other jobs: operator-0" in world.waits("run-2")[0]


def test_the_pause_that_holds_the_job_is_named_and_not_one_that_is_over(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    for number, executor in enumerate((A, B, C)):
        job = world.build(executor)
        world.release(executor, job["job"], job["attempt"], f"git said {number}")
    world.pass_time(60)
    # A and B are away by now, what held A up is long over, and C fails again.
    for executor in (A, B):
        world.enable(executor, False)
    job = world.build(C)
    world.release(C, job["job"], job["attempt"], "the disk is full")
    (found,) = world.run()["waiting_for"]
    assert found["reason"] == (
        "the next attempt after a failure, operator operator-2: the disk is full"
    )
    assert found["next_try_ns"] > world.now
    assert world.jobs()[job["job"]]["next_try_ns"] == found["next_try_ns"]


def test_a_job_that_is_tried_again_says_why_the_attempt_before_it_failed(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    job = world.build(A)
    world.release(A, job["job"], job["attempt"], "the repository does not answer")
    world.build(B)
    assert world.waits() == [
        "at work: operator-1 (after a failure, operator operator-0: the repository does not answer)"
    ]


def test_what_is_at_work_or_missing_has_no_next_try(world: World) -> None:
    world.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    world.build(A)
    assert world.run()["waiting_for"][0]["next_try_ns"] is None
    world.enqueue(spec("run-2", stage("build", needs=needs(region="eu"))))
    assert world.run("run-2")["waiting_for"][0]["next_try_ns"] is None


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (1_700_000_000, "22:13:20 UTC"),
        (1_699_900_000, "2023-11-13 18:26:40 UTC"),
        (1_582_934_400, "2020-02-29 00:00:00 UTC"),
        (951_868_799, "2000-02-29 23:59:59 UTC"),
        (946_684_800, "2000-01-01 00:00:00 UTC"),
    ],
)
def test_moments_carry_their_day_when_it_is_not_today(seconds: int, told: str) -> None:
    assert moment_text(seconds * SECOND, 1_700_000_000 * SECOND) == told


def test_busy_executors_are_named(world: World) -> None:
    for executor in (A, B, C):
        world.announce(executor, slots=1)
    world.enqueue(spec("run-1"))
    world.enqueue(spec("run-2"))
    for executor in (A, B, C):
        world.build(executor)
    assert world.waits("run-1") == ["at work: operator-0, operator-1 and operator-2"]
    (reason,) = world.waits("run-2")
    assert reason.startswith("all executors that fit are busy with other jobs: operator-0")


def test_reveals_and_uploads_are_waited_for(world: World) -> None:
    world.enqueue()
    jobs = world.all_commit()
    assert world.waits() == ["3 of 3 operators have committed and reveal their results"]
    world.decide("Agreed", [file("out.wasm", b"x")], jobs[:2])
    assert world.waits()[0].startswith("an operator that agreed brings the agreed files")
    world.lease(A, *jobs)
    assert world.waits() == ["operator operator-0 uploads the agreed files"]


def test_a_message_that_verification_does_not_take_is_shown_with_its_next_try(
    world: World,
) -> None:
    world.enqueue()
    world.outgoing.insert(
        "round:run-1/build",
        {
            "version": 1,
            "generation": 1,
            "attempts": 3,
            "due_ns": world.now + 4 * SECOND,
            "last_error": "it has no cycles left",
        },
    )
    (found,) = world.run()["waiting_for"]
    assert "it has no cycles left" in found["reason"]
    assert found["next_try_ns"] == world.now + 4 * SECOND


def test_a_run_that_has_ended_waits_for_nothing(world: World) -> None:
    world.enqueue()
    world.decide("Failed", reason="command")
    assert world.run()["waiting_for"] == []


def test_what_every_executor_that_fits_cannot_build_is_told_with_what_ends_it(
    world: World,
) -> None:
    for executor in (A, B, C):
        world.announce(executor)
    world.enqueue(spec("run-1", stage("s", replicas=3, quorum=2)))
    reason = "internal error: UnicodeError('no label') (reach.py:40)"
    for executor in (A, B, C):
        work = world.build(executor)
        world.release(executor, work["job"], work["attempt"], cause="Unable", reason=reason)
    (said,) = world.waits()
    assert said == (
        "no executor that fits is able to build it (asked: operator-0, operator-1 and operator-2): "
        f"{reason}. None of them is asked again while it offers the same: start one of another "
        "version or offer, or cancel the run"
    )


@pytest.mark.parametrize(
    "reason",
    [
        "the secret TOK is sealed to another key of this executor: dcanary secret reseal TOK",
        "the secret TOK is not sealed to this executor: dcanary secret reseal TOK",
        "there is no secret TOK of repository demo: dcanary secret set TOK",
    ],
)
def test_executors_that_lack_a_secret_are_said_to_be_asked_again_when_it_is_sealed(
    world: World, reason: str
) -> None:
    for executor in (A, B, C):
        world.announce(executor)
    world.enqueue(spec("run-1", stage("s", replicas=3, quorum=2)))
    for executor, said in ((A, "internal error: an other one"), (B, reason), (C, reason)):
        work = world.build(executor)
        world.release(executor, work["job"], work["attempt"], cause="Unable", reason=said)
    (waits,) = world.waits()
    assert waits == (
        "no executor that fits is able to build it (asked: operator-0, operator-1 and operator-2): "
        f"{reason} (and 1 other reason). They are asked again when a secret is set or sealed: "
        "do so, or cancel the run"
    )


def test_who_holds_the_only_job_that_may_be_at_work_is_named_with_what_it_failed_at(
    world: World,
) -> None:
    world.enqueue(spec("run-1", stage("build", parallel=1)))
    work = world.build(A)
    world.release(A, work["job"], work["attempt"], cause="Weather", reason="no route to the server")
    world.build(B)
    (said,) = world.waits()
    assert said == (
        "its turn: 1 job is at work, as many as parallel of build lets; at work: operator-1 "
        "(after a failure, operator operator-0: no route to the server)"
    )
