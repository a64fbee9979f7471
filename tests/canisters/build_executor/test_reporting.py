"""What `webhook` is told of a run, from the queue to its end."""

from __future__ import annotations

from typing import Any

from canisters.build_executor.runs import reporting
from tests.canisters.build_executor.helpers.installed import PIPELINES, A, Installed
from tests.canisters.build_executor.helpers.specs import spec, stage
from tests.canisters.build_executor.helpers.world import World


def reported(installed: Installed) -> list[Any]:
    found: list[Any] = installed.webhook.query("reported")
    return found


def word(state: dict[str, Any]) -> str:
    return next(iter(state))


def test_a_run_is_told_of_when_it_is_queued_when_it_runs_and_when_it_ends() -> None:
    installed = Installed()
    installed.enqueue(spec())
    installed.all_commit()
    installed.decide("Failed", reason="it does not compile")
    states = [word(each["state"]) for each in reported(installed)]
    assert states == ["Queued", "Running", "Failed"]
    last = reported(installed)[-1]
    assert last["stages"][0]["name"] == "build"
    assert "it does not compile" in last["stages"][0]["state"]["Failed"]
    assert (last["run"], last["pipeline"]) == ("run-1", spec()["pipeline"]["name"])
    assert last["sha"] == spec()["source"]["sha"]


def test_changes_while_webhook_does_not_answer_are_told_in_one_message_when_it_does() -> None:
    installed = Installed()
    installed.webhook.update("answer_with", "report_run", "Unavailable", caller=PIPELINES)
    installed.enqueue(spec())
    installed.all_commit()
    assert reported(installed) == []
    installed.webhook.update("answer_with", "report_run", "Ok", caller=PIPELINES)
    installed.network.advance(70)
    assert word(reported(installed)[0]["state"]) == "Running"


def test_a_message_whose_answer_was_lost_in_an_upgrade_is_sent_again() -> None:
    installed = Installed()
    assert installed.canister.update("enqueue_run", spec(), caller=PIPELINES) == {"Ok": None}
    while not reported(installed):
        if not installed.network.step():
            installed.canister.fire_timer()
    installed.canister.upgrade()
    installed.run_until_idle()
    assert [word(each["state"]) for each in reported(installed)] == ["Queued", "Queued"]


def test_stages_that_the_end_of_a_run_leaves_out_are_told_of_as_skipped(world: World) -> None:
    after = stage("after", depends_on=["build"])
    assert world.enqueue(spec(stages=[stage("build"), after])) == {"Ok": None}
    before = reporting.report_of(world.book, "run-1", world.now)
    assert before is not None
    assert [each["name"] for each in before["stages"]] == ["build"]
    world.cancel()
    ended = reporting.report_of(world.book, "run-1", world.now)
    assert ended is not None
    assert [(each["name"], word(dict(each["state"]))) for each in ended["stages"]] == [
        ("build", "Skipped"),
        ("after", "Skipped"),
    ]


def test_a_run_whose_commit_is_not_known_yet_is_not_told_of(world: World) -> None:
    wanted = spec()
    assert world.enqueue(wanted) == {"Ok": None}
    record = world.book.runs.get("run-1")
    assert record is not None
    record["source"]["sha"] = ""
    world.book.runs.insert("run-1", record)
    assert reporting.report_of(world.book, "run-1", world.now) is None


def test_a_heartbeat_tells_nothing() -> None:
    installed = Installed()
    installed.enqueue(spec())
    work = installed.lease(A)["Build"]
    installed.run_until_idle()
    before = len(reported(installed))
    installed.beat(A, work["job"], log=b"one line")
    installed.run_until_idle()
    assert len(reported(installed)) == before


def test_telling_of_a_run_reads_no_stage_that_has_succeeded(world: World) -> None:
    stages = [stage(f"s{number}") for number in range(8)]
    after = stage("after", depends_on=[each["name"] for each in stages])
    assert world.enqueue(spec("run-1", *stages, after)) == {"Ok": None}

    def succeed(name: str) -> None:
        jobs = world.all_commit("run-1", name)
        assert world.decide("Agreed", [], jobs, stage=name) == {"Ok": None}

    for each in stages:
        succeed(each["name"])
    before = world.maps["stages"].operations
    found = reporting.report_of(world.book, "run-1", world.now)
    assert found is not None
    assert [word(dict(each["state"])) for each in found["stages"]] == ["Succeeded"] * 8 + [
        "Building"
    ]
    assert world.maps["stages"].operations == before
