"""From the agreed artifact to the release: what people, verification and deployment do to a run."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.build_executor.runs import approval as approvals
from canisters.build_executor.runs import releasing
from canisters.build_executor.runs import service as runs
from shared.rules.limits import APPROVAL_WAIT_NS, MAX_OPEN_RUNS_PER_REPOSITORY
from tests.canisters.build_executor.helpers.specs import deploy, file, spec
from tests.canisters.build_executor.helpers.world import A, World, answer

OK = {"Ok": None}
MINUTE = 60 * 1_000_000_000


def built() -> World:
    """A run whose artifact is stored: its approval is about to be asked for."""
    world = World()
    world.enqueue(spec(deploy=deploy()))
    jobs = world.all_commit()
    world.decide("Agreed", [file("out.wasm", b"")], jobs)
    assert "Upload" in world.lease(A, *jobs)
    assert world.finish(A, "out.wasm") == OK
    world.book.take_outgoing()
    return world


def asked() -> World:
    """A run whose approval request is `approval-1`."""
    world = built()
    releasing.approval_made(world.book, "run-1", "counter", "approval-1", world.now)
    return world


def notice(
    world: World,
    state: str,
    why: Any = None,
    release: str | None = None,
    approval: str = "approval-1",
    attempt: int | None = None,
    target: str | None = "counter",
) -> Any:
    told: Any = {
        "run": "run-1",
        "approval": approval,
        "release": release,
        "state": {state: why},
        "attempt": attempt,
        "target": target,
    }
    return answer(lambda: releasing.record_release(world.book, told, world.now))


def retry(world: World) -> Any:
    return answer(lambda: runs.retry(world.book, "run-1", world.now))


def case(world: World) -> str:
    return str(next(iter(world.run()["state"])))


def test_a_run_that_deploys_succeeds_with_its_release_and_not_before() -> None:
    world = asked()
    seen = [case(world)]
    for state in ("Approving", "Releasing", "Released"):
        world.now += MINUTE
        assert notice(world, state, release="release-1" if state != "Approving" else None) == OK
        seen.append(case(world))
    assert seen == ["Approving", "Approving", "Releasing", "Succeeded"]
    found = world.run()
    assert (found["approval"], found["release"]) == ("approval-1", "release-1")
    # What it took covers the release.
    assert found["updated_ns"] == world.now
    assert world.waits() == []


def test_a_run_that_waits_for_people_or_its_release_is_no_open_build() -> None:
    world = asked()
    assert world.book.open_runs.len() == 0
    notice(world, "Releasing", release="release-1")
    assert world.book.open_runs.len() == 0
    assert world.waits() == ["deployment carries out release-1"]
    world.upgrade()
    assert case(world) == "Releasing"


@pytest.mark.parametrize(
    ("state", "why", "end"),
    [
        (
            "Rejected",
            "approval-1 was rejected by ada",
            {"Rejected": "approval-1 was rejected by ada"},
        ),
        ("Failed", "release-1: it traps", {"Failed": "release-1: it traps"}),
    ],
)
def test_a_run_ends_as_its_request_or_its_release_did(state: str, why: str, end: Any) -> None:
    world = asked()
    assert notice(world, state, why) == OK
    assert world.run()["state"] == end
    for overtaken in ("Approving", "Rejected"):
        notice(world, overtaken, "late" if overtaken == "Rejected" else None)
        if state == "Rejected":
            assert world.run()["state"] == end


def test_a_late_notice_leads_no_run_back() -> None:
    world = asked()
    notice(world, "Released", release="release-1")
    for state, why in (
        ("Approving", None),
        ("Releasing", None),
        ("Rejected", "no"),
        ("Failed", ""),
    ):
        notice(world, state, why)
        assert world.run()["state"] == {"Succeeded": None}


def test_a_notice_that_overtakes_the_answer_names_the_request() -> None:
    world = built()
    notice(world, "Approving")
    assert (case(world), world.run()["approval"]) == ("Approving", "approval-1")
    releasing.approval_made(world.book, "run-1", "counter", "approval-1", world.now)
    assert case(world) == "Approving"


def test_a_run_that_waits_for_people_is_cancelled_when_its_request_is_withdrawn() -> None:
    world = asked()
    assert world.cancel("run-1", "eve") == OK
    assert world.cancel("run-1", "mallory") == OK
    assert case(world) == "Approving"
    assert world.waits() == [
        "verification withdraws the approval request: the run is being cancelled"
    ]
    assert world.book.take_outgoing() == ["approval:run-1/counter"]
    world.upgrade()
    releasing.withdrawn(world.book, "run-1", "counter", world.now)
    assert world.run()["state"] == {"Cancelled": "cancelled by eve"}
    assert world.waits() == []
    assert world.cancel("run-1", "eve") == OK
    notice(world, "Rejected", "approval-1 is blocked: withdrawn")
    assert case(world) == "Cancelled"


def test_the_news_of_the_withdrawal_may_come_before_its_answer() -> None:
    world = asked()
    world.cancel("run-1", "eve")
    notice(world, "Rejected", "approval-1 is blocked: withdrawn")
    releasing.withdrawn(world.book, "run-1", "counter", world.now)
    assert world.run()["state"] == {"Cancelled": "cancelled by eve"}


def test_a_run_that_is_asking_is_cancelled_as_soon_as_its_request_is_known() -> None:
    world = built()
    assert world.cancel("run-1", "eve") == OK
    assert case(world) == "Running"
    assert world.book.take_outgoing() == ["approval:run-1/counter"]
    # A request may stand that was made by a message whose answer was lost: it is asked for still.
    world.now += APPROVAL_WAIT_NS
    assert approvals.request_of(world.book, "run-1", "counter", world.now) is not None
    releasing.approval_made(world.book, "run-1", "counter", "approval-1", world.now)
    assert case(world) == "Approving"
    releasing.withdrawn(world.book, "run-1", "counter", world.now)
    assert case(world) == "Cancelled"


def test_a_run_whose_request_is_refused_while_it_is_cancelled_is_cancelled() -> None:
    world = built()
    world.cancel("run-1", "eve")
    releasing.approval_failed(world.book, "run-1", "counter", "no such target", world.now)
    assert world.run()["state"] == {"Cancelled": "cancelled by eve"}


def test_a_request_that_was_approved_before_it_could_be_withdrawn_is_released() -> None:
    world = asked()
    world.cancel("run-1", "eve")
    releasing.withdrawal_refused(world.book, "run-1", "counter", world.now)
    assert case(world) == "Releasing"
    assert world.waits() == ["deployment carries out the release"]
    notice(world, "Releasing", release="release-1")
    refused = world.cancel("run-1", "eve")["Err"]["Conflict"]
    assert "release-1" in refused
    assert "release rollback" in refused
    notice(world, "Released", release="release-1")
    assert "ended already" in world.cancel("run-1", "eve")["Err"]["Conflict"]


def test_a_request_that_was_rejected_or_not_answered_is_asked_anew() -> None:
    world = asked()
    notice(world, "Rejected", "approval-1 expired before enough approvers had decided")
    assert retry(world) == OK
    assert world.book.take_outgoing() == ["approval:run-1/counter"]
    request: Any = approvals.request_of(world.book, "run-1", "counter", world.now)
    assert request["attempt"] == 2
    assert world.book.open_runs.len() == 1
    releasing.approval_made(world.book, "run-1", "counter", "approval-2", world.now)
    assert (case(world), world.run()["approval"]) == ("Approving", "approval-2")
    # News of the first request concerns the run no more.
    notice(world, "Rejected", "late")
    assert case(world) == "Approving"


def test_a_request_that_waits_for_people_can_be_asked_anew() -> None:
    """It was to be approved first, although its target had changed since."""
    world = asked()
    assert retry(world) == OK
    assert world.book.take_outgoing() == ["approval:run-1/counter"]
    request: Any = approvals.request_of(world.book, "run-1", "counter", world.now)
    assert request["attempt"] == 2
    # People approve the first one before verification hears of the second.
    notice(world, "Releasing", "", "release-1", attempt=1)
    assert case(world) == "Running"
    releasing.approval_made(world.book, "run-1", "counter", "approval-2", world.now)
    assert (case(world), world.run()["approval"]) == ("Approving", "approval-2")


def test_a_request_is_not_asked_anew_while_its_run_is_cancelled() -> None:
    world = asked()
    world.cancel("run-1", "eve")
    assert "Conflict" in retry(world)["Err"]


def test_a_request_that_could_not_be_made_is_made_again_with_the_same_attempt() -> None:
    world = built()
    releasing.approval_failed(
        world.book, "run-1", "counter", "deployment knows no target counter", world.now
    )
    assert case(world) == "Failed"
    assert retry(world) == OK
    request: Any = approvals.request_of(world.book, "run-1", "counter", world.now)
    # Should the first have been made after all, this one is the same.
    assert request["attempt"] in (None, 1)


def test_a_failed_release_that_is_carried_out_again_takes_its_run_on() -> None:
    world = asked()
    notice(world, "Failed", "release-1: it traps", "release-1")
    notice(world, "Releasing", release="release-2")
    notice(world, "Released", release="release-2")
    assert (case(world), world.run()["release"]) == ("Succeeded", "release-2")


def test_a_run_whose_release_failed_asks_people_anew() -> None:
    world = asked()
    notice(world, "Failed", "approval-1: deployment refused the order", None)
    assert retry(world) == OK
    assert world.book.take_outgoing() == ["approval:run-1/counter"]
    request: Any = approvals.request_of(world.book, "run-1", "counter", world.now)
    assert request["attempt"] == 2
    # The first request says nothing of this one.
    notice(world, "Failed", "release-1: it traps", "release-1", attempt=1)
    assert case(world) == "Running"
    notice(world, "Approving", approval="approval-2", attempt=2)
    assert (case(world), world.run()["approval"]) == ("Approving", "approval-2")


@pytest.mark.parametrize("kind", ["Failed", "Disagreed", "Inconclusive"])
def test_what_failed_before_its_approval_is_not_retried(kind: str) -> None:
    world = World()
    world.enqueue(spec(deploy=deploy()))
    world.decide(kind, reason="so")
    assert "start a new run" in retry(world)["Err"]["Conflict"]


def test_retried_runs_count_as_open_ones() -> None:
    world = asked()
    notice(world, "Rejected", "no")
    for number in range(MAX_OPEN_RUNS_PER_REPOSITORY):
        world.enqueue(spec(f"other-{number}"))
    assert "MAX_OPEN_RUNS_PER_REPOSITORY" in retry(world)["Err"]["Exhausted"]
    assert case(world) == "Rejected"


def test_a_run_of_0_1_0_that_succeeded_before_its_release_follows_it_from_now_on() -> None:
    world = asked()
    world.maps["runs"].entries["run-1"]["state"] = {"Succeeded": None}
    assert case(world) == "Succeeded"
    assert "ended already" in world.cancel("run-1", "eve")["Err"]["Conflict"]
    notice(world, "Releasing", release="release-1")
    assert case(world) == "Releasing"
    notice(world, "Released", release="release-1")
    assert (case(world), world.run()["release"]) == ("Succeeded", "release-1")


@pytest.mark.parametrize("old", ["Approving", "Rejected", "Releasing"])
def test_a_notice_about_an_earlier_request_says_nothing_about_the_next(old: str) -> None:
    world = asked()
    why = None if old in ("Approving", "Releasing") else "approval-1 was rejected"
    notice(world, "Rejected", "approval-1 was rejected")
    assert retry(world) == {"Ok": None}
    # It is sent until it is acknowledged: it may come while the run asks anew, or after that.
    notice(world, old, why, attempt=1)
    assert case(world) == "Running"
    assert world.run()["approval"] is None
    notice(world, "Approving", None, approval="approval-2", attempt=2)
    notice(world, old, why, attempt=1)
    assert (case(world), world.run()["approval"]) == ("Approving", "approval-2")


def test_a_release_that_failed_before_its_run_was_cancelled_may_be_carried_out_again() -> None:
    world = asked()
    world.cancel("run-1", "eve")
    # The request had ended with a failed release, which the run had not heard of.
    releasing.withdrawn(world.book, "run-1", "counter", world.now)
    assert case(world) == "Cancelled"
    notice(world, "Releasing", release="release-2")
    notice(world, "Released", release="release-2")
    assert (case(world), world.run()["release"]) == ("Succeeded", "release-2")
