"""What deployment says of releases comes late, repeatedly and in any order: the end is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.verification.approvals import progress
from tests.canisters.verification.test_approvals import pending
from tests.canisters.verification.verification_installation import OWNER, Installation
from tests.canisters.verification.verification_samples import approval_input, approver

if TYPE_CHECKING:
    from canisters.verification.records import ApprovalRecord

FAILED: Any = {"Failed": "Stopping: it did not stop."}


class Attempts:
    """An approved request, and how each release that is ordered for it ends."""

    def __init__(self, fails: int, succeeds: bool) -> None:
        self.record: ApprovalRecord = pending()
        self.record["state"] = {"Approved": None}
        self.record["releases"] = 1
        self.ends: list[Any] = [FAILED] * fails + ([{"Released": None}] if succeeds else [])
        self.retries = 0

    def ordered(self) -> int:
        """How many releases deployment knows of."""
        return min(progress.attempt_of(self.record), len(self.ends))

    def report(self, attempt: int, state: Any) -> None:
        progress.reported(self.record, attempt, f"release-{attempt}", state)

    def do(self, action: str, attempt: int) -> None:
        """Something that may happen now, about one of the releases that were ordered."""
        if action == "answer":
            progress.ordered(self.record, attempt, f"release-{attempt}")
        elif action == "begin":
            self.report(attempt, {"Releasing": None})
        elif action == "end":
            self.report(attempt, self.ends[attempt - 1])
        elif "ReleaseFailed" in self.record["state"] and self.retries + 1 < len(self.ends):
            self.retries += 1
            progress.order_again(self.record)


@given(
    st.integers(0, 3),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(["answer", "begin", "end", "retry"]), st.integers(0, 9))),
)
def test_reports_in_any_order_and_repeated_lead_to_the_end_of_the_last_release(
    fails: int, succeeds: bool, happenings: list[tuple[str, int]]
) -> None:
    attempts = Attempts(fails, succeeds or fails == 0)
    for action, number in happenings:
        attempts.do(action, 1 + number % attempts.ordered())
        # Nothing but the truth about the last release is ever told.
        case = next(iter(attempts.record["state"]))
        if case in ("Released", "Releasing"):
            last = f"release-{progress.attempt_of(attempts.record)}"
            assert attempts.record["state"] == {case: last}
    # Each report is sent until it is acknowledged; people order again while it failed.
    for _ in attempts.ends:
        for attempt in range(attempts.ordered(), 0, -1):
            attempts.do("end", attempt)
            attempts.do("begin", attempt)
        attempts.do("retry", 1)
    for attempt in range(attempts.ordered(), 0, -1):
        attempts.do("end", attempt)
    last = f"release-{len(attempts.ends)}"
    wanted = (
        {"Released": last} if attempts.ends[-1] != FAILED else {"ReleaseFailed": FAILED["Failed"]}
    )
    assert attempts.record["state"] == wanted
    assert attempts.record["release"] == last
    assert attempts.record["releases"] == len(attempts.ends)


def test_an_answer_to_the_first_order_is_not_taken_for_one_to_the_second() -> None:
    record = pending()
    record["state"] = {"Approved": None}
    record["releases"] = 1
    assert progress.reported(record, 1, "release-1", FAILED)
    progress.order_again(record)
    assert not progress.ordered(record, 1, "release-1")
    assert not progress.refused(record, 1, "it was too late")
    assert record["state"] == {"Approved": None}
    assert progress.refused(record, 2, "the target is gone")
    assert "the target is gone" in record["state"]["ReleaseFailed"]


@pytest.fixture
def canary() -> Installation:
    return Installation()


def approve(canary: Installation, number: int) -> None:
    """The request of run `number`, approved and ordered."""
    run, approval = f"run-{number}", f"approval-{number}"
    canary.agree(run)
    assert canary.told("request_approval", approval_input(run)) == {"Ok": approval}
    digest = canary.verification.query("get_approval", approval)["Ok"]["digest"]
    decision = {"approval": approval, "digest": digest, "approve": True, "comment": ""}
    answer = canary.verification.update("decide_approval", decision, caller=approver(1).bytes)
    assert "Approved" in answer["Ok"]["state"]
    assert len(canary.orders()) == number


def end(canary: Installation, number: int, state: Any) -> None:
    assert canary.report(state, f"approval-{number}", f"release-{number}") == {"Ok": None}


def latest(canary: Installation, attempt: int) -> str:
    """What an even older request is told to be superseded by: the latest approval or release."""
    name = canary.told("request_approval", approval_input("run-0", attempt=attempt))["Ok"]
    state = canary.verification.query("get_approval", name)["Ok"]["state"]
    return str(state["Superseded"]).partition("(")[2].partition(")")[0]


def test_when_several_releases_fail_the_latest_is_the_one_that_is_installed(
    canary: Installation,
) -> None:
    canary.agree("run-0")
    for number in (1, 2, 3, 4):
        approve(canary, number)
        if number == 1:
            end(canary, 1, {"Released": None})
    end(canary, 3, FAILED)
    end(canary, 2, FAILED)
    assert latest(canary, 1) == "approval-4"
    end(canary, 4, FAILED)
    assert latest(canary, 2) == "release-1"
    retry = canary.verification.update("retry_release", "approval-4", caller=OWNER)
    assert retry == {"Ok": "approval-4"}
    assert latest(canary, 3) == "approval-4"


def test_a_failed_order_is_not_carried_out_again_after_a_newer_one_was_approved(
    canary: Installation,
) -> None:
    """It installed the older module without a word, and the newer order was void then."""

    def retried(name: str) -> str:
        answer = canary.verification.update("retry_release", name, caller=OWNER)
        return str(answer["Err"]["Conflict"])

    approve(canary, 1)
    end(canary, 1, FAILED)
    approve(canary, 2)
    assert "run-2, which was approved" in retried("approval-1")
    end(canary, 2, FAILED)
    canary.upgrade()
    refused = retried("approval-1")
    assert "approval-2 of run-2 was approved for target counter" in refused
    assert "`dcanary release retry approval-2` carries that one out again" in refused
    assert f"`dcanary run start demo --ref refs/heads/main --sha {'a' * 40}`" in refused
    assert len(canary.orders()) == 2
    retry = canary.verification.update("retry_release", "approval-2", caller=OWNER)
    assert retry == {"Ok": "approval-2"}
    assert len(canary.orders()) == 3


def test_a_run_of_the_old_commit_that_is_started_anew_may_be_retried(
    canary: Installation,
) -> None:
    approve(canary, 1)
    end(canary, 1, FAILED)
    approve(canary, 2)
    end(canary, 2, FAILED)
    # The commit is that of run-1: all samples have the same.
    approve(canary, 3)
    end(canary, 3, FAILED)
    for name, expected in (("approval-2", "Err"), ("approval-3", "Ok")):
        answer = canary.verification.update("retry_release", name, caller=OWNER)
        assert list(answer) == [expected]


def test_when_the_last_release_fails_one_that_succeeded_meanwhile_is_the_latest(
    canary: Installation,
) -> None:
    canary.agree("run-0")
    for number in (1, 2, 3):
        approve(canary, number)
    end(canary, 1, FAILED)
    end(canary, 2, {"Released": None})
    end(canary, 3, FAILED)
    assert latest(canary, 1) == "release-2"


def test_an_order_that_is_refused_is_not_the_latest(canary: Installation) -> None:
    canary.agree("run-0")
    approve(canary, 1)
    end(canary, 1, {"Released": None})
    canary.deployment.update("answer_with", "start_release", "Conflict")
    canary.agree("run-2")
    canary.told("request_approval", approval_input("run-2"))
    digest = canary.verification.query("get_approval", "approval-2")["Ok"]["digest"]
    decision = {"approval": "approval-2", "digest": digest, "approve": True, "comment": ""}
    canary.verification.update("decide_approval", decision, caller=approver(1).bytes)
    canary.orders()
    assert latest(canary, 1) == "release-1"


def test_who_asks_again_for_a_request_that_has_ended_is_told_so_again(
    canary: Installation,
) -> None:
    canary.agree()
    canary.told("request_approval", approval_input())
    digest = canary.verification.query("get_approval", "approval-1")["Ok"]["digest"]
    decision = {"approval": "approval-1", "digest": digest, "approve": False, "comment": ""}
    canary.verification.update("decide_approval", decision, caller=approver(1).bytes)
    before = canary.notice_states().count("Rejected")
    assert canary.told("request_approval", approval_input()) == {"Ok": "approval-1"}
    assert canary.notice_states().count("Rejected") == before + 1
