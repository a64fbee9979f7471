"""Approval requests through the real canister: asked once, decided, ordered until acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dcanary.testing.native import CanisterReject, user_principal
from tests.canisters.verification.verification_installation import OWNER, Installation
from tests.canisters.verification.verification_samples import (
    APPROVED,
    SECOND,
    approval_input,
    approver,
)

if TYPE_CHECKING:
    pass


@pytest.fixture
def canary() -> Installation:
    made = Installation()
    made.agree()
    made.notices()
    return made


PAGE = {"cursor": None, "limit": 0}


def ask(canary: Installation, run: str = "run-1", **changes: Any) -> Any:
    if "Err" in canary.verification.query("get_round", run, "build"):
        canary.agree(run)
    return canary.told("request_approval", approval_input(run, **changes))


def decide(canary: Installation, by: bytes, **changes: Any) -> Any:
    decision = {"approval": "approval-1", "digest": "", "approve": True, "comment": ""}
    decision.update(changes)
    if "digest" not in changes:
        decision["digest"] = digest(canary, decision["approval"])
    return canary.verification.update("decide_approval", decision, caller=by)


def digest(canary: Installation, approval: str = "approval-1") -> str:
    found = canary.verification.query("get_approval", approval)
    return str(found["Ok"]["digest"]) if "Ok" in found else "0" * 64


def state(canary: Installation, approval: str = "approval-1") -> Any:
    return canary.verification.query("get_approval", approval)["Ok"]["state"]


def first() -> bytes:
    return bytes(approver(1).bytes)


def test_an_approval_becomes_a_release_of_exactly_the_approved_bytes(
    canary: Installation,
) -> None:
    assert ask(canary) == {"Ok": "approval-1"}
    assert state(canary) == {"Pending": None}
    assert "Approved" in decide(canary, first())["Ok"]["state"]
    (order,) = canary.orders()
    assert order["sha256"] == APPROVED
    assert order["approval"] == "approval-1"
    assert order["mode"] == {"Install": None}
    assert state(canary) == {"Releasing": "release-1"}


def test_auto_means_upgrade_for_a_target_that_has_a_module(canary: Installation) -> None:
    canary.deployment.update("answer_with", "plan_release", "upgrade")
    ask(canary)
    request = canary.verification.query("get_approval", "approval-1")["Ok"]["request"]
    assert request["mode"] == {"Upgrade": None}


def test_the_same_request_is_asked_once(canary: Installation) -> None:
    assert ask(canary) == {"Ok": "approval-1"}
    assert ask(canary) == {"Ok": "approval-1"}
    assert "Conflict" in ask(canary, sha256="0" * 64)["Err"]
    canary.agree("run-2")
    assert ask(canary, "run-2") == {"Ok": "approval-2"}


def test_the_same_request_asked_twice_at_once_is_one(canary: Installation) -> None:
    pending = [
        canary.verification.submit(
            "request_approval", approval_input(), caller=canary.build_executor
        )
        for _ in range(2)
    ]
    canary.network.run()
    assert [one.result() for one in pending] == [{"Ok": "approval-1"}] * 2
    assert canary.verification.query("list_approvals", PAGE)["Ok"]["items"][1:] == []


def test_a_lost_plan_leaves_nothing_behind(canary: Installation) -> None:
    canary.deployment.update("answer_with", "plan_release", "trap")
    assert "Unavailable" in ask(canary)["Err"]
    canary.deployment.update("answer_with", "plan_release", "NotFound")
    assert "NotFound" in ask(canary)["Err"]
    assert canary.verification.query("list_approvals", PAGE)["Ok"]["items"] == []
    canary.deployment.update("answer_with", "plan_release", "Ok")
    assert ask(canary) == {"Ok": "approval-1"}


def test_an_upgrade_of_a_target_without_a_module_cannot_be_asked(canary: Installation) -> None:
    canary.deployment.update("answer_with", "plan_release", "Conflict")
    assert "no module" in ask(canary, mode={"Upgrade": None})["Err"]["Conflict"]


def test_wrong_approvals_are_refused_and_nothing_is_ordered(canary: Installation) -> None:
    ask(canary)
    assert "Denied" in decide(canary, user_principal(5).bytes)["Err"]
    assert "Denied" in decide(canary, OWNER.bytes)["Err"]
    with pytest.raises(CanisterReject):
        decide(canary, b"\x04")
    assert "Conflict" in decide(canary, first(), digest="0" * 64)["Err"]
    assert "NotFound" in decide(canary, first(), approval="approval-2")["Err"]
    assert canary.orders() == []
    assert state(canary) == {"Pending": None}


def test_an_approval_given_twice_is_refused(canary: Installation) -> None:
    ask(canary)
    decide(canary, first())
    assert "Conflict" in decide(canary, first())["Err"]
    assert len(canary.orders()) == 1


def test_an_approval_after_expiry_is_refused(canary: Installation) -> None:
    policy = {"approvers": [approver(1)], "threshold": 1, "ttl_seconds": 60}
    ask(canary, policy=policy)
    canary.network.time_ns += 60 * SECOND
    assert state(canary) == {"Expired": None}
    assert "expired" in decide(canary, first())["Err"]["Conflict"]
    assert canary.orders() == []


def test_a_failed_gate_blocks_the_request(canary: Installation) -> None:
    assert ask(canary, gates=[{"MaxArtifactBytes": 5}]) == {"Ok": "approval-1"}
    assert "Blocked" in state(canary)
    assert "Conflict" in decide(canary, first())["Err"]
    assert canary.orders() == []


def test_a_rejection_orders_nothing(canary: Installation) -> None:
    ask(canary)
    assert "Rejected" in decide(canary, first(), approve=False)["Ok"]["state"]
    canary.network.advance(3_600)
    assert canary.orders() == []


@pytest.mark.parametrize("how", ["trap", "Unavailable"])
def test_a_release_is_ordered_again_until_it_is_taken(canary: Installation, how: str) -> None:
    canary.deployment.update("answer_with", "start_release", how)
    ask(canary)
    decide(canary, first())
    assert canary.orders() == []
    assert state(canary) == {"Approved": None}
    canary.upgrade()
    canary.network.advance(3)
    canary.deployment.update("answer_with", "start_release", "Ok")
    canary.network.advance(130)
    assert len(canary.orders()) == 1
    assert state(canary) == {"Releasing": "release-1"}


def test_approvals_are_refused_while_too_many_messages_wait(canary: Installation) -> None:
    canary.deployment.update("answer_with", "start_release", "Unavailable")
    canary.verification.module("canisters.verification.approvals.service").MAX_OPEN_MESSAGES = 2
    for number in range(1, 4):
        ask(canary, f"run-{number}")
        canary.notices()
        decided = decide(canary, first(), approval=f"approval-{number}")
        assert ("Ok" in decided) == (number < 3)
    assert "no vote was counted" in decided["Err"]["Exhausted"]
    assert state(canary, "approval-3") == {"Pending": None}
    assert "Ok" in decide(canary, first(), approval="approval-3", approve=False)


def test_an_order_that_deployment_refuses_is_shown_with_its_reason(canary: Installation) -> None:
    canary.deployment.update("answer_with", "start_release", "Conflict")
    ask(canary)
    decide(canary, first())
    assert canary.orders() == []
    assert "told to refuse" in state(canary)["ReleaseFailed"]


def test_only_build_executor_may_ask(canary: Installation) -> None:
    answer = canary.verification.update("request_approval", approval_input(), caller=OWNER)
    assert "Denied" in answer["Err"]


def test_requests_are_listed_newest_first_by_pages(canary: Installation) -> None:
    for number in range(1, 6):
        assert ask(canary, f"run-{number}") == {"Ok": f"approval-{number}"}
    seen: list[str] = []
    cursor = None
    pages = 0
    while pages == 0 or cursor is not None:
        page = canary.verification.query("list_approvals", {"cursor": cursor, "limit": 2})["Ok"]
        assert len(page["items"]) <= 2
        seen += [one["approval"] for one in page["items"]]
        cursor = page["next"]
        pages += 1
    assert seen == [f"approval-{number}" for number in (5, 4, 3, 2, 1)]
    assert pages == 3
    wrong = canary.verification.query("list_approvals", {"cursor": "x", "limit": 2})
    assert "Invalid" in wrong["Err"]


def test_a_page_of_large_requests_ends_early_and_goes_on(canary: Installation) -> None:
    for number in range(1, 21):
        ask(canary, f"run-{number}", install_arg=bytes(60_000))
    first_page = canary.verification.query("list_approvals", {"cursor": None, "limit": 100})["Ok"]
    assert 5 < len(first_page["items"]) < 10
    seen = len(first_page["items"])
    page = first_page
    while page["next"] is not None:
        request = {"cursor": page["next"], "limit": 100}
        page = canary.verification.query("list_approvals", request)["Ok"]
        seen += len(page["items"])
    assert seen == 20
