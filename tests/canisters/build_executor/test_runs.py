"""Runs: taken in once, stage after stage, one end; what verdicts and answers do to them."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.build_executor.executors import views as executor_views
from canisters.build_executor.jobs import views as job_views
from canisters.build_executor.rounds import rules
from canisters.build_executor.rounds import service as rounds
from canisters.build_executor.runs import approval as approvals
from canisters.build_executor.runs import releasing, views
from canisters.build_executor.runs import service as runs
from shared.rules.limits import (
    APPROVAL_WAIT_NS,
    FEW_OPEN_RUNS,
    MAX_OPEN_RUNS_PER_REPOSITORY,
    MAX_QUEUE_NS,
    MIN_GRACE_NS,
    REVEAL_WINDOW_NS,
    STOPPING_PAUSE_NS,
    VERDICT_WAIT_NS,
)
from tests.canisters.build_executor.helpers.specs import deploy, file, spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, D, World, answer

OK = {"Ok": None}


def states(world: World, run: str = "run-1") -> dict[str, str]:
    return {each["name"]: next(iter(each["state"])) for each in world.run(run)["stages"]}


def three_stages() -> Any:
    return spec(
        "run-1",
        stage("lib", artifacts=["lib.a"]),
        stage("app", depends_on=["lib"]),
        stage("docs", artifacts=[]),
    )


def agree_on_stage(world: World, name: str, *files: Any) -> None:
    """The first three executors agree on a stage and one uploads its (empty) files."""
    jobs = world.all_commit(stage=name)
    assert world.decide("Agreed", list(files), jobs, stage=name) == OK
    if files:
        if states(world)[name] == "Succeeded":
            return  # the bytes were known already
        assert "Upload" in world.lease(A, *jobs)
        for each in files:
            assert world.finish(A, each["path"], stage=name) == OK


def test_a_run_is_queued_with_its_first_stages_open() -> None:
    world = World()
    assert world.enqueue(three_stages()) == OK
    assert world.run()["state"] == {"Queued": None}
    assert states(world) == {"lib": "Building", "app": "Waiting", "docs": "Building"}
    assert world.book.take_outgoing() == [], "a stage that waits in the queue takes no round"
    assert len(world.jobs()) == 6
    assert world.book.next_due_ns() > world.now


def test_the_same_run_again_is_ok_and_another_under_its_id_is_not() -> None:
    world = World()
    world.enqueue()
    world.build(A)
    assert world.enqueue() == OK
    assert world.jobs()["run-1/build/0"]["state"] == {"Leased": None}
    other = spec()
    other["source"]["sha"] = "b" * 40
    assert "Conflict" in world.enqueue(other)["Err"]
    assert world.book.run_index.len() == 1


def test_a_run_that_has_ended_is_not_started_again_by_a_repeated_call() -> None:
    world = World()
    world.enqueue()
    world.decide("Failed", reason="command")
    assert world.enqueue() == OK
    assert "Failed" in world.run()["state"]
    assert world.book.open_runs.len() == 0


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"run": "run 1"}, "Invalid"),
        ({"run": "r" * 65}, "Invalid"),
        ({"delivery": "d" * 1_001}, "TooLarge"),
        ({"repository": "a/b"}, "Invalid"),
        ({"message": "m" * 1_001}, "TooLarge"),
        ({"stages": []}, "Invalid"),
        ({"deploy": deploy("nowhere")}, "Invalid"),
    ],
)
def test_a_run_that_cannot_be_executed_is_refused(change: dict[str, Any], kind: str) -> None:
    world = World()
    wanted = spec()
    for field, value in change.items():
        for record in (wanted, wanted["source"], wanted["pipeline"]):
            if field in record:
                record[field] = value
                break
    assert kind in world.enqueue(wanted)["Err"]
    assert world.book.open_runs.len() == 0


def test_open_runs_are_bounded_and_make_room_when_they_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "MAX_OPEN_RUNS", 100)
    world = World()
    for number in range(100):
        share = f"repository-{number % 12}"
        assert world.enqueue(spec(f"run-{number}", repository=share)) == OK
    refused = world.enqueue(spec("one-more"))
    assert "MAX_OPEN_RUNS)" in refused["Err"]["Exhausted"]
    world.cancel("run-7")
    assert world.enqueue(spec("one-more")) == OK


def test_the_last_room_is_kept_for_repositories_with_few_open_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "MAX_OPEN_RUNS", 100)
    world = World()
    for number in range(75):
        repository = f"repository-{number % 5}"
        assert world.enqueue(spec(f"run-{number}", repository=repository)) == OK
    refused = world.enqueue(spec("more", repository="repository-0"))["Err"]["Exhausted"]
    assert "is kept for repositories with less than 10 (FEW_OPEN_RUNS), repository-0 has 15" in (
        refused
    )
    for number in range(FEW_OPEN_RUNS):
        assert world.enqueue(spec(f"late-{number}", repository="other")) == OK
    assert "Exhausted" in world.enqueue(spec("more", repository="other"))["Err"]


def test_the_open_runs_of_one_repository_leave_room_for_those_of_others() -> None:
    world = World()
    for number in range(MAX_OPEN_RUNS_PER_REPOSITORY):
        assert world.enqueue(spec(f"run-{number}", repository="silent")) == OK
    world.upgrade()
    refused = world.enqueue(spec("one-more", repository="silent"))["Err"]["Exhausted"]
    assert "runs of silent are open (MAX_OPEN_RUNS_PER_REPOSITORY)" in refused
    assert world.enqueue(spec("another", repository="other")) == OK
    world.cancel("run-7")
    assert world.enqueue(spec("one-more", repository="silent")) == OK


def test_stages_open_in_dependency_order_and_get_the_files_of_earlier_ones() -> None:
    world = World()
    world.enqueue(three_stages())
    agree_on_stage(world, "lib", file("lib.a", b""))
    assert states(world) == {"lib": "Succeeded", "app": "Building", "docs": "Building"}
    work = world.build(A)
    assert work["stage"]["name"] == "app"
    given = {"stage": "lib", "file": file("lib.a", b""), "fetch": None, "kept": False}
    assert work["inputs"] == [given]
    assert world.release(A, work["job"], cause="Stopping") == OK
    world.pass_time(STOPPING_PAUSE_NS / SECOND * 1.25)
    for executor in (A, B, C):
        job = world.build(executor)
        world.commit(executor, job["job"], job["attempt"])
    world.decide("Agreed", [], ["run-1/app/1"], stage="app")
    assert world.run()["state"] == {"Running": None}
    agree_on_stage(world, "docs")
    assert world.run()["state"] == {"Succeeded": None}
    assert world.book.open_runs.len() == 0


def test_a_later_stage_wins_where_two_wrote_the_same_path() -> None:
    world = World()
    stages = (
        stage("one"),
        stage("two", depends_on=["one"]),
        stage("three", depends_on=["two"]),
    )
    world.enqueue(spec("run-1", *stages))
    agree_on_stage(world, "one", file("x", b""), file("y", b""))
    agree_on_stage(world, "two", file("x", b""))
    inputs = world.build(A)["inputs"]
    assert {each["file"]["path"]: each["stage"] for each in inputs} == {"x": "two", "y": "one"}


@pytest.mark.parametrize("kind", ["Failed", "Disagreed", "Inconclusive"])
def test_a_verdict_against_a_stage_ends_the_run_with_its_reason(kind: str) -> None:
    world = World()
    world.enqueue(three_stages())
    job = world.build(A)["job"]
    assert world.decide(kind, reason="the tests fail", stage="lib") == OK
    assert world.run()["state"] == {kind: "stage lib: the tests fail"}
    assert world.run()["stages"][0]["state"] == {kind: "the tests fail"}
    assert states(world) == {"lib": kind, "app": "Skipped", "docs": "Skipped"}
    assert world.beat(A, job)["Ok"]["cancelled"] is True
    assert "Conflict" in world.commit(A, job)["Err"]
    assert world.lease(B) is None
    assert all("Lost" in each["state"] for each in world.jobs().values())
    assert world.book.open_runs.len() == 0


def test_a_stage_takes_only_its_first_verdict() -> None:
    world = World()
    world.enqueue()
    jobs = world.all_commit()
    agreed = [file("out.wasm", b"x")]
    assert world.decide("Agreed", agreed, jobs) == OK
    assert world.decide("Agreed", agreed, jobs) == OK
    assert world.decide("Failed", reason="changed my mind") == OK
    assert states(world) == {"build": "Storing"}
    world.lease(A, *jobs)
    world.upload(A, "out.wasm", 0, b"x")
    world.finish(A, "out.wasm")
    assert world.decide("Disagreed") == OK
    assert world.run()["state"] == {"Succeeded": None}


def test_a_verdict_for_a_stage_that_was_never_opened_is_refused() -> None:
    world = World()
    world.enqueue(three_stages())
    assert "NotFound" in world.decide("Agreed", stage="app")["Err"]
    assert "NotFound" in world.decide("Agreed", run="run-9")["Err"]


def test_a_verdict_may_come_before_the_last_commitment() -> None:
    world = World()
    world.enqueue()
    jobs = []
    for executor in (A, B):
        jobs.append(world.build(executor)["job"])
        world.commit(executor, jobs[-1])
    late = world.build(C)["job"]
    world.decide("Agreed", [file("out.wasm", b"x")], jobs)
    assert "the verdict came" in world.jobs()[late]["state"]["Lost"]
    assert world.beat(C, late)["Ok"]["cancelled"] is True
    assert "Conflict" in world.commit(C, late)["Err"]
    assert "Denied" in world.release(C, late)["Err"]


def test_an_agreed_verdict_without_a_job_that_has_the_bytes_fails_the_run() -> None:
    world = World()
    world.enqueue()
    world.all_commit()
    world.decide("Agreed", [file("out.wasm", b"x")], ["run-1/build/9", "run-2/build/0"])
    assert "names no job" in world.run()["state"]["Failed"]


def test_a_stage_without_files_succeeds_at_once() -> None:
    world = World()
    world.enqueue()
    world.decide("Agreed", [], world.all_commit())
    assert world.run()["state"] == {"Succeeded": None}


def test_a_run_without_a_verdict_ends_by_itself() -> None:
    world = World()
    world.enqueue()
    world.all_commit()
    world.pass_time((MAX_QUEUE_NS + REVEAL_WINDOW_NS + VERDICT_WAIT_NS) / SECOND)
    assert "Running" in world.run()["state"]
    world.pass_time(661)
    assert "VERDICT_WAIT_NS" in world.run()["state"]["Inconclusive"]
    assert world.decide("Agreed") == OK
    assert "Inconclusive" in world.run()["state"]


def test_a_run_that_nobody_builds_ends_by_itself() -> None:
    world = World()
    world.enqueue(three_stages())
    world.pass_time(MAX_QUEUE_NS / SECOND - 1)
    assert "Queued" in world.run()["state"]
    world.pass_time(1)
    assert "0 of 3 operators answered" in world.run()["state"]["Inconclusive"]
    assert "start executors" in world.run()["state"]["Inconclusive"]
    assert world.book.open_runs.len() == 0


def test_cancelling_a_run_reaches_its_executors_and_its_rounds() -> None:
    world = World()
    world.enqueue(three_stages())
    job = world.build(A)["job"]
    round_key: Any = world.book.stage("run-1/lib")
    rounds.opened(world.book, round_key, None, "", world.now)
    world.book.take_outgoing()
    assert world.cancel("run-1", A) == OK
    assert world.cancel("run-1", A) == OK
    assert world.run()["state"] == {"Cancelled": f"cancelled by {A}"}
    assert set(states(world).values()) == {"Skipped"}
    assert world.beat(A, job)["Ok"]["cancelled"] is True
    news = world.book.take_outgoing()
    assert "round:run-1/lib" in news
    told: Any = world.book.stage("run-1/lib")
    assert rules.next_message(told) == "cancel"
    # Its round may be open too: the answer may have been lost.
    untold: Any = world.book.stage("run-1/docs")
    assert rules.next_message(untold) == "cancel"
    assert "round:run-1/docs" in news
    rounds.cancelled(world.book, untold)
    assert rules.next_message(untold) is None
    assert "NotFound" in world.cancel("run-2", A)["Err"]


def test_a_run_that_has_ended_cannot_be_cancelled() -> None:
    world = World()
    world.enqueue()
    world.decide("Failed", reason="command")
    assert "Conflict" in world.cancel("run-1", A)["Err"]


def stage_of(world: World, key: str = "run-1/build") -> Any:
    return world.book.stage(key)


def test_a_round_is_told_of_in_order() -> None:
    world = World()
    world.enqueue()
    job = world.build(A)["job"]
    world.commit(A, job)
    assert rules.next_message(stage_of(world)) == "open"
    assert rules.round_input(stage_of(world))["commit_until_ns"] > world.now
    rounds.opened(world.book, stage_of(world), None, "", world.now)
    assert rules.next_message(stage_of(world)) == 0
    assert rules.commitment_of(stage_of(world), 0) == (job, A, "operator-0", b"c" * 32)
    rounds.recorded(world.book, stage_of(world), stage_of(world)["jobs"][0], None, "", world.now)
    assert rules.next_message(stage_of(world)) is None
    world.commit(B, world.build(B)["job"])
    rounds.recorded(world.book, stage_of(world), stage_of(world)["jobs"][1], None, "", world.now)
    world.pass_time(MIN_GRACE_NS / SECOND)
    assert rules.next_message(stage_of(world)) == "close"
    rounds.closed(world.book, stage_of(world), None, "", world.now)
    assert rules.next_message(stage_of(world)) is None
    assert "Running" in world.run()["state"]


def test_a_round_that_verification_refuses_ends_the_run() -> None:
    world = World()
    world.enqueue()
    rounds.opened(world.book, stage_of(world), {"Invalid": "no"}, "no", world.now)
    assert "opens no round: no" in world.run()["state"]["Failed"]
    rounds.cancelled(world.book, stage_of(world))
    assert rules.next_message(stage_of(world)) is None


def test_a_round_that_was_closed_to_votes_is_cancelled_with_its_run() -> None:
    world = World()
    world.enqueue(spec("run-1", stage("build", replicas=3, quorum=2)))
    rounds.opened(world.book, stage_of(world), None, "", world.now)
    for executor in (A, B):
        world.commit(executor, world.build(executor)["job"])
    for replica in (0, 1):
        row = stage_of(world)["jobs"][replica]
        rounds.recorded(world.book, stage_of(world), row, None, "", world.now)
    world.pass_time(600)
    assert rules.next_message(stage_of(world)) == "close"
    # The run is cancelled while that is under way; then nobody reveals.
    assert world.cancel("run-1", A) == OK
    rounds.closed(world.book, stage_of(world), None, "", world.now)
    assert rules.next_message(stage_of(world)) == "cancel"


def test_a_commitment_that_verification_refuses_is_no_vote() -> None:
    world = World()
    world.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    job = world.build(A)["job"]
    world.commit(A, job)
    rounds.opened(world.book, stage_of(world), None, "", world.now)
    row = stage_of(world)["jobs"][0]
    rounds.recorded(world.book, stage_of(world), row, {"Conflict": "late"}, "late", world.now)
    assert "refused it: late" in world.jobs()[job]["state"]["Lost"]
    assert rules.next_message(stage_of(world)) == "close"
    rounds.closed(world.book, stage_of(world), {"Conflict": "closed"}, "closed", world.now)
    assert "Running" in world.run()["state"]


def test_a_round_that_cannot_be_closed_ends_the_run() -> None:
    world = World()
    world.enqueue()
    rounds.opened(world.book, stage_of(world), None, "", world.now)
    rounds.closed(world.book, stage_of(world), {"NotFound": "what?"}, "what?", world.now)
    assert "what?" in world.run()["state"]["Inconclusive"]


def test_an_answer_that_comes_after_the_verdict_changes_nothing() -> None:
    world = World()
    world.enqueue()
    jobs = world.all_commit()
    world.decide("Agreed", [], jobs)
    rounds.opened(world.book, stage_of(world), {"Conflict": "old"}, "old", world.now)
    row = stage_of(world)["jobs"][0]
    rounds.recorded(world.book, stage_of(world), row, None, "", world.now)
    rounds.closed(world.book, stage_of(world), {"NotFound": "old"}, "old", world.now)
    assert world.run()["state"] == {"Succeeded": None}
    assert rules.next_message(stage_of(world)) is None


def deploying(artifact: str = "out.wasm") -> World:
    world = World()
    world.enqueue(spec(deploy=deploy(artifact=artifact)))
    agree_on_stage(world, "build", file("out.wasm", b""))
    return world


def test_a_run_to_deploy_asks_people_when_it_is_built() -> None:
    world = deploying()
    assert world.run()["state"] == {"Running": None}
    assert "approval:run-1/counter" in world.book.take_outgoing()
    world.upgrade()
    request: Any = approvals.request_of(world.book, "run-1", "counter", world.now)
    assert request["artifact"] == "out.wasm"
    assert request["sha256"] == file("out.wasm", b"")["sha256"]
    assert request["size"] == 0
    assert request["target"] == "counter"
    releasing.approval_made(world.book, "run-1", "counter", "approval-1", world.now)
    releasing.approval_made(world.book, "run-1", "counter", "approval-2", world.now)
    assert world.run()["state"] == {"Approving": None}
    assert world.run()["approval"] == "approval-1"
    assert world.waits() == ["approvers decide approval-1"]
    assert world.book.open_runs.len() == 0
    assert approvals.request_of(world.book, "run-1", "counter", world.now) is None


def test_an_artifact_that_was_not_agreed_is_never_asked_for() -> None:
    world = deploying(artifact="other.wasm")
    assert approvals.request_of(world.book, "run-1", "counter", world.now) is None
    assert "no artifact other.wasm" in world.run()["state"]["Failed"]


def test_an_approval_that_cannot_be_asked_for_in_time_fails_the_run() -> None:
    world = deploying()
    world.now += APPROVAL_WAIT_NS
    assert approvals.request_of(world.book, "run-1", "counter", world.now) is None
    assert "APPROVAL_WAIT_NS" in world.run()["state"]["Failed"]


def test_no_approval_is_asked_for_before_all_stages_succeeded() -> None:
    world = World()
    world.enqueue(spec("run-1", stage("build"), stage("test"), deploy=deploy()))
    agree_on_stage(world, "build", file("out.wasm", b""))
    assert approvals.request_of(world.book, "run-1", "counter", world.now) is None
    assert "approval:run-1/counter" not in world.book.take_outgoing()
    assert "Running" in world.run()["state"]


def page(cursor: str | None = None, limit: int = 0) -> Any:
    return {"cursor": cursor, "limit": limit}


def listed(world: World, repository: str | None, request: Any) -> Any:
    return answer(lambda: views.page(world.book, world.outgoing, repository, request, world.now))


def listed_jobs(world: World, run: str, request: Any) -> Any:
    return answer(lambda: job_views.page(world.book, run, request, world.now))


def test_runs_are_listed_newest_first_for_all_and_for_one_repository() -> None:
    world = World()
    for number in range(7):
        repository = "even" if number % 2 == 0 else "odd"
        world.enqueue(spec(f"run-{number}", repository=repository))
    got: list[str] = []
    cursor = None
    while True:
        result: Any = listed(world, None, page(cursor, 3))
        got += [each["run"] for each in result["Ok"]["items"]]
        cursor = result["Ok"]["next"]
        if cursor is None:
            break
    assert got == [f"run-{number}" for number in range(6, -1, -1)]
    odd: Any = listed(world, "odd", page())
    assert [each["run"] for each in odd["Ok"]["items"]] == ["run-5", "run-3", "run-1"]
    none: Any = listed(world, "nowhere" * 100, page())
    assert none["Ok"] == {"items": [], "next": None}
    assert "limit" in listed(world, None, page(limit=101))["Err"]["Invalid"]
    assert "cursor" in listed(world, None, page("x"))["Err"]["Invalid"]


def test_a_page_of_runs_with_large_manifests_ends_early_and_goes_on() -> None:
    world = World()
    for number in range(4):
        world.enqueue(spec(f"run-{number}"))
        record = world.maps["stages"].entries[f"run-{number}/build"]
        record["files"] = [{**file("p" * 240, b""), "stored": False}] * 1_600
    world.upgrade()
    first: Any = listed(world, None, page())
    assert [each["run"] for each in first["Ok"]["items"]] == ["run-3"]
    second: Any = listed(world, None, page(first["Ok"]["next"]))
    assert [each["run"] for each in second["Ok"]["items"]] == ["run-2"]


def test_jobs_of_a_run_are_paged_over_its_stages() -> None:
    world = World()
    world.enqueue(three_stages())
    first: Any = listed_jobs(world, "run-1", page(limit=4))
    assert [each["job"] for each in first["Ok"]["items"]] == [
        "run-1/docs/2",
        "run-1/docs/1",
        "run-1/docs/0",
        "run-1/lib/2",
    ]
    rest: Any = listed_jobs(world, "run-1", page(first["Ok"]["next"], 4))
    assert [each["replica"] for each in rest["Ok"]["items"]] == [1, 0]
    assert rest["Ok"]["next"] is None
    assert "NotFound" in listed_jobs(world, "run-9", page())["Err"]


def test_executors_are_listed_with_what_they_did() -> None:
    world = World()
    world.enqueue()
    job = world.build(A)["job"]
    world.pass_time(9)
    world.beat(A, job)
    result: Any = answer(lambda: executor_views.page(world.book, page(limit=2), world.now))
    assert [each["operator"] for each in result["Ok"]["items"]] == ["operator-2", "operator-1"]
    rest: Any = answer(
        lambda: executor_views.page(world.book, page(result["Ok"]["next"]), world.now)
    )
    (seen,) = rest["Ok"]["items"]
    assert seen["executor"].to_str() == A
    assert (seen["last_seen_ns"], seen["jobs_leased"]) == (world.now, 1)


def test_an_executor_keeps_its_operator() -> None:
    world = World()
    assert world.register(A, "operator-0", "Rust") == OK
    assert "operator-0" in world.register(A, "operator-1")["Err"]["Conflict"]
    assert "anonymous" in world.register("2vxsx-fae", "operator-0")["Err"]["Invalid"]
    assert "Invalid" in world.register(D, "no spaces")["Err"]
    assert "Invalid" in world.register(D, "operator-3", *["Shell"] * 7)["Err"]
    assert "NotFound" in world.enable(D, True)["Err"]
    assert world.book.executor_index.len() == 3


def test_an_executor_that_leaves_is_not_online_until_it_offers_again(world: World) -> None:
    def is_online() -> Any:
        return executor_views.get(world.book, A, world.now)["online"]

    assert "Ok" in world.announce(A)
    assert is_online() is True
    assert "Ok" in world.announce(A, leaving=True)
    assert is_online() is False
    assert "Ok" in world.announce(A)
    assert is_online() is True


def test_an_executor_is_online_by_what_it_writes_and_not_by_its_questions(world: World) -> None:
    def seen() -> Any:
        found: Any = executor_views.get(world.book, A, world.now)
        return found["online"], found["last_seen_ns"]

    assert seen() == (True, world.now)
    began = world.now
    world.pass_time(179)
    assert not world.has_work(A)
    assert seen() == (True, began)
    world.pass_time(1)
    assert seen() == (False, began)
    assert world.lease(A) is None
    assert seen() == (True, world.now)
    world.enqueue()
    job = world.build(A)["job"]
    world.pass_time(20)
    world.beat(A, job)
    beaten = world.now
    assert seen() == (True, beaten)
    # The lease runs out: what its heartbeats told is not forgotten with it.
    world.pass_time(100)
    assert seen() == (True, beaten)
