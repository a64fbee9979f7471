"""Methods to type of `verification`: what was agreed about a run, and an approval by its digest."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.testing.native import user_principal
from shared.rules.limits import MAX_STAGES_PER_PIPELINE
from tests.canisters import typed
from tests.canisters.verification.verification_installation import OWNER, Installation
from tests.canisters.verification.verification_samples import (
    APPROVED,
    approval_input,
    approver,
    file,
    manifest,
    reveal_input,
)

STRANGER = user_principal(2)


@pytest.fixture
def canary() -> Installation:
    return Installation()


def verify(canary: Installation, arguments: str) -> Any:
    return typed.call(canary.verification, "verify_pipeline_execution", arguments, STRANGER)


def approve(canary: Installation, arguments: str, by: Any) -> Any:
    return typed.call(canary.verification, "approve_deployment", arguments, by)


def digest(canary: Installation) -> str:
    return str(canary.verification.query("get_approval", "approval-1")["Ok"]["digest"])


def asked(canary: Installation) -> None:
    canary.agree()
    canary.notices()
    assert canary.told("request_approval", approval_input()) == {"Ok": "approval-1"}


def test_a_run_whose_stages_agreed_is_verified(canary: Installation) -> None:
    canary.agree()
    found = verify(canary, '("run-1", vec { "build" })')["Ok"]
    assert (found["run"], found["verified"]) == ("run-1", True)
    (stage,) = found["stages"]
    assert (stage["stage"], stage["phase"]) == ("build", {"Closed": None})
    assert stage["verdict"] == {"Agreed": None}
    assert stage["manifest"] == manifest([file()])
    assert (len(stage["agreed"]), stage["others"]) == (3, [])
    assert stage["agreed"] == [vote["operator"] for vote in canary.round()["votes"]]


def test_an_operator_that_differs_is_named(canary: Installation) -> None:
    canary.open()
    other = [file(content=b"something else")]
    given = {number: reveal_input(number) for number in (1, 3)}
    given[2] = reveal_input(2, files=other)
    canary.commit_all(given)
    for number, one in given.items():
        assert canary.reveal(one, number) == {"Ok": None}
    found = verify(canary, '("run-1", vec { "build" })')["Ok"]
    assert found["verified"]
    votes = {vote["job"]: vote["operator"] for vote in canary.round()["votes"]}
    assert found["stages"][0]["others"] == [votes["run-1/build/2"]]
    assert votes["run-1/build/2"] not in found["stages"][0]["agreed"]


def test_a_stage_that_is_not_agreed_on_leaves_the_run_unverified(canary: Installation) -> None:
    canary.agree()
    found = verify(canary, '("run-1", vec { "build"; "test"; "build" })')["Ok"]
    assert not found["verified"]
    assert [(one["stage"], one["phase"]) for one in found["stages"]] == [
        ("build", {"Closed": None}),
        ("test", None),
    ]


def test_votes_are_not_told_before_the_round_ends(canary: Installation) -> None:
    canary.open()
    given = {number: reveal_input(number) for number in (1, 2, 3)}
    canary.commit_all(given)
    assert canary.reveal(given[1], 1) == {"Ok": None}
    found = verify(canary, '("run-1", vec { "build" })')["Ok"]
    (stage,) = found["stages"]
    assert not found["verified"]
    assert (stage["verdict"], stage["manifest"], stage["agreed"], stage["others"]) == (
        *(None, "", []),
        [],
    )


def test_what_nobody_voted_on_is_not_found(canary: Installation) -> None:
    assert "NotFound" in verify(canary, '("run-1", vec { "build" })')["Err"]
    assert "NotFound" in verify(canary, '("run/1", vec { "build" })')["Err"]


def test_a_question_without_stages_or_with_too_many_is_invalid(canary: Installation) -> None:
    assert "get_run" in verify(canary, '("run-1", vec {})')["Err"]["Invalid"]
    many = "; ".join(f'"s{number}"' for number in range(MAX_STAGES_PER_PIPELINE + 1))
    assert "Invalid" in verify(canary, f'("run-1", vec {{ {many} }})')["Err"]
    long = "x" * 65
    for arguments in (f'("{long}", vec {{ "build" }})', f'("run-1", vec {{ "{long}" }})'):
        assert "Invalid" in verify(canary, arguments)["Err"]


def test_an_approver_approves_by_the_digest(canary: Installation) -> None:
    asked(canary)
    made = approve(canary, f'("approval-1", "{digest(canary)}")', approver(1))["Ok"]
    assert made["state"] == {"Approved": None}
    assert made["votes"][0]["comment"] == ""
    (order,) = canary.orders()
    assert order["sha256"] == APPROVED
    again = approve(canary, f'("approval-1", "{digest(canary)}", opt "yes")', approver(1))
    assert "Conflict" in again["Err"]


def test_a_comment_goes_with_the_vote(canary: Installation) -> None:
    asked(canary)
    made = approve(canary, f'("approval-1", "{digest(canary)}", opt "looked at it")', approver(1))
    assert made["Ok"]["votes"][0]["comment"] == "looked at it"


@pytest.mark.parametrize("given", ["", "approval-1", "0" * 63, "G" * 64])
def test_nobody_approves_without_naming_the_order(canary: Installation, given: str) -> None:
    """And the refusal does not tell what the digest would have been."""
    asked(canary)
    sentence = approve(canary, f'("approval-1", "{given}")', approver(1))["Err"]["Invalid"]
    assert "get_approval shows approval-1" in sentence
    assert digest(canary) not in sentence
    assert canary.verification.query("get_approval", "approval-1")["Ok"]["votes"] == []


def test_another_order_than_the_one_that_was_seen_is_not_approved(canary: Installation) -> None:
    asked(canary)
    answer = approve(canary, f'("approval-1", "{"0" * 64}")', approver(1))
    assert "Conflict" in answer["Err"]
    assert "NotFound" in approve(canary, f'("approval-9", "{"0" * 64}")', approver(1))["Err"]


def test_others_than_approvers_do_not_approve(canary: Installation) -> None:
    """Not even an owner, who may reject."""
    asked(canary)
    for caller in (STRANGER, OWNER, canary.build_executor.id):
        answer = approve(canary, f'("approval-1", "{digest(canary)}")', caller)
        assert "Denied" in answer["Err"]
