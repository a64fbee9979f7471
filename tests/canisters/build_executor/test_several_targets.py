"""A run with several targets: each is asked about when those that it needs were released."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.build_executor.runs import approval as approvals
from canisters.build_executor.runs import releasing
from canisters.build_executor.runs import service as runs
from shared.rules.limits import APPROVAL_WAIT_NS
from tests.canisters.build_executor.helpers.specs import deploy, file, spec
from tests.canisters.build_executor.helpers.world import A, World, answer

OK = {"Ok": None}


def target(name: str, *needs: str) -> dict[str, Any]:
    return {**deploy(), "target": name, "depends_on": list(needs) or None}


CHAIN = (target("a"), target("b", "a"), target("c", "b"))
FAN = (target("a"), target("b"), target("c", "a", "b"))


class Releasing:
    """A built run, and `verification` as it answers the messages of the run."""

    def __init__(self, *deploys: dict[str, Any]) -> None:
        self.world = World()
        self.world.enqueue(spec(deploys=list(deploys)))
        jobs = self.world.all_commit()
        self.world.decide("Agreed", [file("out.wasm", b"")], jobs)
        assert "Upload" in self.world.lease(A, *jobs)
        assert self.world.finish(A, "out.wasm") == OK
        self.requests: dict[str, str] = {}
        """The name of each target's last request."""
        self.withdrawn: list[str] = []
        self.decided: set[str] = set()

    def asked(self) -> list[str]:
        """The targets that messages are about since the last time; they are answered."""
        book, now = self.world.book, self.world.now
        found = []
        for key in book.take_outgoing():
            kind, _, name = key.partition(":")
            if kind != "approval":
                continue
            run, _, which = name.partition("/")
            request = approvals.request_of(book, run, which, now)
            if request is not None:
                assert request["target"] == which
                self.requests[which] = f"approval-of-{which}-{request['attempt']}"
                found.append(which)
                releasing.approval_made(book, run, which, self.requests[which], now)
            standing = releasing.to_withdraw(book, run, which)
            if standing is not None and standing[0] in self.decided:
                releasing.withdrawal_refused(book, run, which, now)
            elif standing is not None:
                self.withdrawn.append(standing[1])
                releasing.withdrawn(book, run, which, now)
        return found

    def told(self, which: str, state: str, why: str | None = None) -> None:
        """News of a target's last request."""
        approval = self.requests[which]
        notice: Any = {
            "run": "run-1",
            "approval": approval,
            "release": None if state == "Rejected" else f"release-of-{which}",
            "state": {state: why},
            "attempt": int(approval.rpartition("-")[2]),
            "target": which,
        }
        assert (
            answer(lambda: releasing.record_release(self.world.book, notice, self.world.now)) == OK
        )

    def released(self, *which: str) -> None:
        for each in which:
            self.told(each, "Releasing")
            self.told(each, "Released")

    @property
    def state(self) -> Any:
        return self.world.run()["state"]

    def states(self) -> list[str]:
        return [str(next(iter(each["state"]))) for each in self.world.run()["targets"]]


def test_a_target_is_asked_about_when_those_that_it_needs_were_released() -> None:
    it = Releasing(*CHAIN)
    assert it.asked() == ["a"]
    assert it.states() == ["Approving", "Waiting", "Waiting"]
    assert it.world.book.open_runs.len() == 0
    it.told("a", "Releasing")
    assert it.state == {"Releasing": None}
    assert it.asked() == []
    it.told("a", "Released")
    assert it.state == {"Approving": None}
    it.world.upgrade()
    it.world.book.ask_approval("run-1", "b")
    assert it.asked() == ["b"]
    assert it.world.run()["approval"] == "approval-of-b-1"
    assert it.world.waits() == ["approvers decide approval-of-b-1 for target b"]
    it.released("b")
    assert it.asked() == ["c"]
    it.released("c")
    assert it.state == {"Succeeded": None}
    assert it.states() == ["Released"] * 3
    found = it.world.run()
    assert [each["release"] for each in found["targets"]] == [f"release-of-{n}" for n in "abc"]
    assert found["release"] == "release-of-c"


def test_targets_that_need_none_are_asked_about_at_once() -> None:
    it = Releasing(*FAN)
    assert it.asked() == ["a", "b"]
    assert it.world.run()["approval"] == "approval-of-a-1"
    it.released("b")
    assert it.state == {"Approving": None}
    assert it.asked() == []
    it.released("a")
    assert it.asked() == ["c"]
    it.released("c")
    assert it.state == {"Succeeded": None}


def test_news_of_one_target_say_nothing_about_the_others() -> None:
    it = Releasing(*FAN)
    # The notice overtakes the answer that names the request.
    it.requests["b"] = "approval-of-b-1"
    it.told("b", "Approving")
    assert it.states() == ["Waiting", "Approving", "Waiting"]
    assert it.asked() == ["a"]
    it.told("a", "Releasing")
    assert it.states() == ["Releasing", "Approving", "Waiting"]
    assert it.world.waits() == [
        "deployment carries out release-of-a for target a",
        "approvers decide approval-of-b-1 for target b",
    ]


def test_a_rejected_target_ends_the_run_and_names_what_stays_released() -> None:
    it = Releasing(*CHAIN)
    it.asked()
    it.released("a")
    it.asked()
    it.told("b", "Rejected", "approval-2 was rejected by ada")
    assert it.state == {
        "Rejected": "target b: approval-2 was rejected by ada; released before, and left so: a; "
        "not released: c"
    }
    assert it.states() == ["Released", "Rejected", "Waiting"]
    assert it.asked() == []
    assert it.world.waits() == []


def test_what_others_would_still_decide_is_withdrawn_when_a_target_fails() -> None:
    it = Releasing(*FAN)
    it.asked()
    it.told("a", "Failed", "release-1: it traps")
    assert it.state == {"Approving": None}
    assert it.world.waits() == [
        "verification withdraws the approval request for target b: the run is to end"
    ]
    assert it.asked() == []
    assert it.withdrawn == ["target a of run-1 failed"]
    assert it.state == {"Failed": "target a: release-1: it traps; not released: b, c"}
    assert it.states() == ["Failed", "Withdrawn", "Waiting"]


def test_a_release_that_is_under_way_goes_on_when_another_target_fails() -> None:
    it = Releasing(*FAN)
    it.asked()
    it.told("a", "Releasing")
    it.told("b", "Failed", "release-2: it traps")
    assert it.state == {"Releasing": None}
    it.told("a", "Released")
    assert it.asked() == []
    assert it.state == {
        "Failed": "target b: release-2: it traps; released before, and left so: a; not released: c"
    }


def test_a_retry_asks_only_about_what_is_left() -> None:
    it = Releasing(*FAN)
    it.asked()
    it.released("a")
    it.told("b", "Rejected", "no")
    assert answer(lambda: runs.retry(it.world.book, "run-1", it.world.now)) == OK
    assert it.state == {"Running": None}
    assert it.asked() == ["b"]
    assert it.requests["b"] == "approval-of-b-2"
    assert it.states() == ["Released", "Approving", "Waiting"]
    it.released("b")
    assert it.asked() == ["c"]
    assert it.requests["c"] == "approval-of-c-1"
    it.released("c")
    assert it.state == {"Succeeded": None}


def test_a_failed_release_that_is_tried_again_takes_the_run_on() -> None:
    it = Releasing(*FAN)
    it.asked()
    it.told("a", "Failed", "release-1: it traps")
    it.asked()
    it.told("a", "Releasing")
    assert it.state == {"Releasing": None}
    it.told("a", "Released")
    # What was withdrawn because of it is asked about anew.
    assert it.asked() == ["b"]
    assert it.requests["b"] == "approval-of-b-2"
    it.released("b")
    assert it.asked() == ["c"]
    it.released("c")
    assert it.state == {"Succeeded": None}


def test_a_request_that_cannot_be_made_ends_the_run_and_is_made_again_by_a_retry() -> None:
    it = Releasing(*FAN)
    releasing.approval_failed(it.world.book, "run-1", "b", "there is no target b", it.world.now)
    # What was asked about the other may be there: it is withdrawn as soon as its name is known.
    assert it.state == {"Running": None}
    it.asked()
    assert it.withdrawn == ["target b of run-1 failed"]
    assert it.state == {"Failed": "target b: there is no target b; not released: a, c"}
    assert it.world.book.open_runs.len() == 0
    assert answer(lambda: runs.retry(it.world.book, "run-1", it.world.now)) == OK
    assert it.asked() == ["a", "b"]
    assert it.requests == {"a": "approval-of-a-2", "b": "approval-of-b-1"}


def test_a_request_that_is_not_answered_in_time_fails_its_target() -> None:
    it = Releasing(*CHAIN)
    it.asked()
    it.released("a")
    it.world.now += APPROVAL_WAIT_NS
    assert it.asked() == []
    assert "target b: the approval could not be asked for in time" in it.state["Failed"]


def test_cancelling_withdraws_every_request() -> None:
    it = Releasing(*FAN)
    it.asked()
    assert it.world.cancel("run-1", "eve") == OK
    assert it.state == {"Approving": None}
    it.asked()
    assert it.withdrawn == ["run-1 was cancelled by eve"] * 2
    assert it.state == {"Cancelled": "cancelled by eve; not released: a, b, c"}
    assert it.states() == ["Withdrawn", "Withdrawn", "Waiting"]


def test_cancelling_between_two_targets_leaves_the_first_released() -> None:
    it = Releasing(*CHAIN)
    it.asked()
    it.told("a", "Releasing")
    refused = it.world.cancel("run-1", "eve")["Err"]["Conflict"]
    assert "release-of-a" in refused
    it.told("a", "Released")
    assert it.world.cancel("run-1", "eve") == OK
    it.asked()
    assert it.state == {
        "Cancelled": "cancelled by eve; released before, and left so: a; not released: b, c"
    }


def test_a_target_that_was_approved_before_its_request_could_be_withdrawn_is_the_last() -> None:
    it = Releasing(*CHAIN)
    it.asked()
    it.decided.add("approval-of-a-1")
    assert it.world.cancel("run-1", "eve") == OK
    it.asked()
    assert it.state == {"Releasing": None}
    it.released("a")
    assert it.asked() == []
    assert it.state == {
        "Cancelled": "cancelled by eve; released before, and left so: a; not released: b, c"
    }


@pytest.mark.parametrize(
    ("deploys", "told"),
    [
        (
            [target("a", "b"), target("b", "a")],
            "deploys: targets depend on each other in a circle: a -> b -> a",
        ),
        ([target("a"), target("a")], "deploys[1].target: a is there twice"),
        ([target("a"), {**target("b"), "stage": "test"}], "deploys[1].stage test is not a stage"),
    ],
)
def test_targets_that_cannot_be_released_are_refused_before_anything_is_built(
    deploys: Any, told: str
) -> None:
    world = World()
    assert told in world.enqueue(spec(deploys=deploys))["Err"]["Invalid"]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"state": {"Running": None}, "approval": None, "approval_by_ns": 10**30}, "Waiting"),
        ({"state": {"Approving": None}}, "Approving"),
        ({"state": {"Succeeded": None}}, "Approving"),
        ({"state": {"Succeeded": None}, "release": "release-1"}, "Released"),
        ({"state": {"Releasing": None}, "release": "release-1"}, "Releasing"),
        ({"state": {"Rejected": "no"}}, "Rejected"),
        ({"state": {"Failed": "it traps"}, "release_error": "it traps"}, "Failed"),
        ({"state": {"Failed": "stage build: no"}, "approval": None}, "Waiting"),
        ({"state": {"Cancelled": "by eve"}}, "Withdrawn"),
    ],
)
def test_the_target_of_a_run_of_before_0_2_is_as_its_own_fields_say(
    fields: dict[str, Any], state: str
) -> None:
    it = Releasing(target("a"))
    it.asked()
    stored = it.world.maps["runs"].entries["run-1"]
    stored.update({"targets": None, "approval": "approval-1", **fields})
    (found,) = it.world.run()["targets"]
    assert found["target"] == "a"
    assert state in found["state"]
    assert found["approval"] == stored["approval"]
    assert found["release"] == stored["release"]


def test_a_message_of_before_0_2_is_about_the_target_that_is_asked_about() -> None:
    it = Releasing(target("a"))
    it.world.book.take_outgoing()
    stored = it.world.maps["runs"].entries["run-1"]
    by_ns = it.world.now + APPROVAL_WAIT_NS
    stored.update({"targets": None, "approval_by_ns": by_ns, "approval_attempt": 3})
    releasing.ask_of_earlier_message(it.world.book, "run-1")
    assert it.asked() == ["a"]
    assert it.requests["a"] == "approval-of-a-3"
    assert it.state == {"Approving": None}
    it.released("a")
    assert it.state == {"Succeeded": None}
