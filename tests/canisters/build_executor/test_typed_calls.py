"""Methods to type of `build_executor`: the queue, and how executors are."""

from __future__ import annotations

from typing import Any

import pytest

from shared.rules.limits import MAX_OPEN_RUNS
from tests.canisters import typed
from tests.canisters.build_executor.helpers.installed import OK, OWNER, STRANGER, A, B, C, Installed
from tests.canisters.build_executor.helpers.specs import spec, stage


@pytest.fixture
def it() -> Installed:
    return Installed()


def ask(it: Installed, method: str, arguments: str) -> Any:
    return typed.call(it.canister, method, arguments, STRANGER)


def test_an_empty_queue_says_so(it: Installed) -> None:
    assert ask(it, "queue_status", "()")["Ok"] == {
        "runs": 0,
        "most_runs": MAX_OPEN_RUNS,
        "open_stages": 0,
        "executors": 3,
        "stages": [],
        "next": None,
    }


def test_the_queue_shows_open_stages_of_older_runs_first(it: Installed) -> None:
    it.enqueue(spec("run-1", stage("build"), stage("check"), stage("last", depends_on=["build"])))
    it.enqueue(spec("run-2", repository="other"))
    first = it.lease(A)["Build"]
    assert it.commit(A, first["job"]) == OK
    second = it.lease(B)["Build"]
    found = ask(it, "queue_status", "()")["Ok"]
    assert (found["runs"], found["open_stages"], found["next"]) == (2, 3, None)
    names = [(each["run"], each["stage"], each["repository"]) for each in found["stages"]]
    assert names == [
        ("run-1", "build", "counter"),
        ("run-1", "check", "counter"),
        ("run-2", "build", "other"),
    ]
    counts = {
        f"{each['run']}/{each['stage']}": (each["waiting"], each["at_work"], each["done"])
        for each in found["stages"]
    }
    assert counts[first["job"].rpartition("/")[0]][2] == 1
    assert counts[second["job"].rpartition("/")[0]][1] == 1
    assert all(sum(each) == 3 for each in counts.values())
    assert all(each["state"] == {"Building": None} for each in found["stages"])


def test_the_queue_is_paged(it: Installed) -> None:
    for number in range(5):
        it.enqueue(spec(f"run-{number}"))
    seen: list[str] = []
    cursor = "null"
    for _ in range(3):
        page = f"(opt record {{ cursor = {cursor}; limit = 2 }})"
        found = ask(it, "queue_status", page)["Ok"]
        seen += [each["run"] for each in found["stages"]]
        cursor = f'opt "{found["next"]}"'
    assert seen == [f"run-{number}" for number in range(5)]
    assert cursor == 'opt "None"'
    assert "Invalid" in ask(it, "queue_status", "(opt record { limit = 101 })")["Err"]


def test_a_stage_that_has_ended_is_not_in_the_queue(it: Installed) -> None:
    it.enqueue(spec())
    assert ask(it, "queue_status", "()")["Ok"]["open_stages"] == 1
    it.canister.update("cancel_run", "run-1", caller=OWNER)
    found = ask(it, "queue_status", "()")["Ok"]
    assert (found["runs"], found["stages"]) == (0, [])


def test_the_queue_is_the_same_after_an_upgrade(it: Installed) -> None:
    for number in range(3):
        it.enqueue(spec(f"run-{number}", stage("build"), stage("check")))
    it.lease(A)
    before = ask(it, "queue_status", "()")
    it.canister.upgrade()
    assert ask(it, "queue_status", "()") == before


def test_an_executor_shows_its_slots_and_its_jobs(it: Installed) -> None:
    it.enqueue(spec())
    it.lease(A)
    found = ask(it, "executor_health", f'(principal "{A.to_str()}")')["Ok"]
    assert (found["slots"], found["at_work"]) == (4, 1)
    assert found["executor"]["online"]
    (listed,) = [
        each
        for each in it.canister.query("list_executors", {"cursor": None, "limit": 0})["Ok"]["items"]
        if each["executor"] == A
    ]
    assert found["executor"] == listed
    idle = ask(it, "executor_health", f'(principal "{B.to_str()}")')["Ok"]
    assert (idle["slots"], idle["at_work"]) == (4, 0)
    it.network.advance(3_600)
    gone = ask(it, "executor_health", f'(principal "{B.to_str()}")')["Ok"]
    assert not gone["executor"]["online"]


def test_the_performance_of_an_executor_has_the_days_of_its_operator(it: Installed) -> None:
    it.enqueue(spec())
    it.all_commit()
    arguments = f'(principal "{C.to_str()}")'
    found = ask(it, "executor_performance", arguments)["Ok"]
    assert (found["executor"]["jobs_leased"], found["executor"]["jobs_committed"]) == (1, 1)
    (day,) = found["days"]
    assert (day["jobs"], day["wall_ns"], found["next"]) == (1, 1, None)
    days = it.canister.query("list_usage", {"Operator": "operator-2"}, {"cursor": None, "limit": 0})
    assert found["days"] == days["Ok"]["items"]
    past = f'(principal "{C.to_str()}", opt record {{ cursor = opt "7"; limit = 1 }})'
    assert "Invalid" in ask(it, "executor_performance", past)["Err"]


@pytest.mark.parametrize("method", ["executor_health", "executor_performance"])
def test_an_executor_that_nobody_registered_is_not_found(it: Installed, method: str) -> None:
    answer = ask(it, method, f'(principal "{STRANGER.to_str()}")')
    assert "list_executors" in answer["Err"]["NotFound"]


def test_failed_stages_are_not_run_alone(it: Installed) -> None:
    it.enqueue(spec())
    jobs = it.all_commit()
    assert it.decide("Failed", jobs=jobs[:2], reason="command") == OK
    sentence = it.canister.update("retry_run", "run-1", caller=OWNER)["Err"]["Conflict"]
    assert "start a new run of the commit with trigger_run" in sentence
