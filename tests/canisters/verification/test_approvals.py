"""Who may approve what, when, and what a vote leads to. Gates block before anyone is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.verification import approvals, gates
from shared.rules.limits import DEFAULT_APPROVAL_TTL_NS
from shared.rules.roles import ANONYMOUS
from tests.canisters.verification.verification_samples import (
    APPROVED,
    NOW,
    SECOND,
    approval_input,
    approver,
)

if TYPE_CHECKING:
    from canisters.verification.store import ApprovalRecord
    from shared.types.errors import Error
    from shared.types.release import ApprovalDecision, ApprovalInput


def pending(**changes: Any) -> ApprovalRecord:
    return approvals.asked(0, approval_input(**changes), {"Install": None}, NOW)


def decision(approve: bool = True, sha256: str = APPROVED, comment: str = "") -> ApprovalDecision:
    return {"approval": "approval-1", "sha256": sha256, "approve": approve, "comment": comment}


def decide(
    record: ApprovalRecord, by: int, now: int = NOW, **changes: Any
) -> tuple[str, str] | None:
    return refused(approvals.decide(record, decision(**changes), approver(by).to_str(), now))


def refused(error: Error | None) -> tuple[str, str] | None:
    if error is None:
        return None
    ((kind, sentence),) = error.items()
    return kind, str(sentence)


def two_of_two() -> ApprovalRecord:
    policy = {"approvers": [approver(1), approver(2)], "threshold": 2, "ttl_seconds": 60}
    return pending(policy=policy)


def test_one_approval_of_one_approves() -> None:
    record = pending()
    assert decide(record, 1) is None
    assert record["state"] == {"Approved": None}
    assert record["votes"][0]["approver"].to_str() == approver(1).to_str()


def test_the_threshold_must_be_reached_by_different_approvers() -> None:
    record = two_of_two()
    assert decide(record, 1) is None
    assert record["state"] == {"Pending": None}
    kind, sentence = decide(record, 1) or ("", "")
    assert (kind, len(record["votes"])) == ("Conflict", 1)
    assert "has voted" in sentence
    assert decide(record, 2) is None
    assert record["state"] == {"Approved": None}


def test_any_rejection_rejects() -> None:
    record = two_of_two()
    assert decide(record, 1) is None
    assert decide(record, 2, approve=False) is None
    assert record["state"] == {"Rejected": None}


def test_someone_else_and_anonymous_are_denied() -> None:
    record = pending()
    kind, _ = decide(record, 3) or ("", "")
    assert kind == "Denied"
    kind, _ = refused(approvals.decide(record, decision(), ANONYMOUS, NOW)) or ("", "")
    assert kind == "Denied"
    assert record["votes"] == []


def test_anonymous_is_denied_even_by_a_policy_that_names_it() -> None:
    record = pending()
    record["request"]["policy"]["approvers"] = [type(approver(1)).from_str(ANONYMOUS)]
    kind, _ = refused(approvals.decide(record, decision(), ANONYMOUS, NOW)) or ("", "")
    assert kind == "Denied"


def test_an_expired_question_cannot_be_decided_and_shows_as_expired() -> None:
    record = two_of_two()
    late = NOW + 60 * SECOND
    assert approvals.state_at(record, late - 1) == {"Pending": None}
    assert approvals.shown(record, late)["state"] == {"Expired": None}
    kind, sentence = decide(record, 1, now=late) or ("", "")
    assert kind == "Conflict"
    assert "expired" in sentence
    assert record["state"] == {"Expired": None}
    assert record["votes"] == []


def test_a_vote_in_the_last_nanosecond_counts() -> None:
    record = pending()
    assert record["expires_ns"] == NOW + DEFAULT_APPROVAL_TTL_NS
    assert decide(record, 1, now=record["expires_ns"] - 1) is None


def test_an_approved_question_does_not_expire() -> None:
    record = pending()
    assert decide(record, 1) is None
    assert approvals.state_at(record, record["expires_ns"] + 1) == {"Approved": None}


def test_a_vote_for_an_artifact_that_changed_is_refused() -> None:
    record = pending()
    kind, sentence = decide(record, 1, sha256="0" * 64) or ("", "")
    assert kind == "Conflict"
    assert APPROVED in sentence
    assert record["votes"] == []


def test_a_decided_question_takes_no_more_votes() -> None:
    record = pending()
    assert decide(record, 1) is None
    kind, sentence = decide(record, 2) or ("", "")
    assert kind == "Conflict"
    assert "Approved" in sentence


def test_a_comment_that_is_too_long_is_refused() -> None:
    kind, _ = decide(pending(), 1, comment="é" * 501) or ("", "")
    assert kind == "Invalid"


def test_a_failed_gate_blocks_before_anyone_is_asked() -> None:
    record = pending(gates=[{"MaxArtifactBytes": 5}])
    assert "Blocked" in record["state"]
    assert "6 bytes, above the limit of 5" in record["state"]["Blocked"]
    kind, _ = decide(record, 1) or ("", "")
    assert kind == "Conflict"


def test_a_gate_at_its_limit_passes() -> None:
    assert gates.evaluate({"MaxArtifactBytes": 6}, 6)["passed"]
    assert not gates.evaluate({"MaxArtifactBytes": 5}, 6)["passed"]


def test_a_gate_that_is_not_known_fails() -> None:
    assert not gates.evaluate({}, 1)["passed"]


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "A" * 64},
        {"sha256": "a" * 63},
        {"size": 0},
        {"size": 32 * 1024 * 1024 + 1},
        {"target": ""},
        {"artifact": "x" * 241},
        {"install_arg": bytes(60_001)},
        {"gates": [{"MaxArtifactBytes": 1}] * 17},
        {"policy": {"approvers": [], "threshold": 0, "ttl_seconds": 1}},
        {"policy": {"approvers": [approver(1)], "threshold": 0, "ttl_seconds": 1}},
        {"policy": {"approvers": [approver(1)], "threshold": 2, "ttl_seconds": 1}},
        {"policy": {"approvers": [approver(1)] * 2, "threshold": 1, "ttl_seconds": 1}},
        {"policy": {"approvers": [approver(1)], "threshold": 1, "ttl_seconds": 10**9}},
    ],
)
def test_a_request_that_makes_no_sense_is_invalid(changes: dict[str, Any]) -> None:
    assert approvals.check_request(approval_input()) is None
    kind, _ = refused(approvals.check_request(approval_input(**changes))) or ("", "")
    assert kind == "Invalid"


def test_a_policy_that_names_anonymous_is_invalid() -> None:
    anonymous = type(approver(1)).from_str(ANONYMOUS)
    policy = {"approvers": [anonymous], "threshold": 1, "ttl_seconds": 1}
    kind, _ = refused(approvals.check_request(approval_input(policy=policy))) or ("", "")
    assert kind == "Invalid"


def test_the_mode_is_what_the_target_can_take() -> None:
    auto: Any = {"Auto": None}
    install: Any = {"Install": None}
    upgrade: Any = {"Upgrade": None}
    reinstall: Any = {"Reinstall": None}
    assert approvals.resolve_mode(auto, install) == install
    assert approvals.resolve_mode(auto, upgrade) == upgrade
    assert approvals.resolve_mode(reinstall, upgrade) == reinstall
    assert "no module" in approvals.resolve_mode(upgrade, install)
    assert "no module" in approvals.resolve_mode(reinstall, install)
    assert "has a module" in approvals.resolve_mode(install, upgrade)


def test_the_order_repeats_the_question_with_its_resolved_mode() -> None:
    record = pending(upgrade_arg=b"up")
    order = approvals.order_of(record)
    assert order["sha256"] == APPROVED
    assert order["mode"] == {"Install": None}
    assert order["upgrade_arg"] == b"up"
    assert order["repository"] == "demo"
    assert order["approval"] == "approval-1"


@pytest.mark.parametrize("name", ["", "approval-", "approval-0", "approval-01", "approval-x", "1"])
def test_a_text_that_names_no_approval_is_not_read_as_one(name: str) -> None:
    assert approvals.number_of(name) is None


@given(st.integers(0, 10**12))
def test_a_name_leads_back_to_its_number(number: int) -> None:
    assert approvals.number_of(approvals.name_of(number)) == number


VOTES = st.lists(
    st.tuples(st.integers(1, 5), st.booleans(), st.booleans(), st.integers(0, 40)), max_size=12
)


@given(VOTES, st.integers(1, 3))
def test_only_a_threshold_of_matching_approvals_in_time_approves(
    cast: list[tuple[int, bool, bool, int]], threshold: int
) -> None:
    policy = {
        "approvers": [approver(number) for number in (1, 2, 3)],
        "threshold": threshold,
        "ttl_seconds": 100,
    }
    record = pending(policy=policy)
    now = NOW
    for by, approve, matching, wait in cast:
        now += wait * SECOND
        sha256 = APPROVED if matching else "0" * 64
        accepted = decide(record, by, now=now, approve=approve, sha256=sha256) is None
        assert not accepted or (matching and by <= 3 and now < record["expires_ns"])
    in_favour = {vote["approver"].to_str() for vote in record["votes"] if vote["approve"]}
    against = [vote for vote in record["votes"] if not vote["approve"]]
    approved = len(in_favour) >= threshold and not against
    assert ("Approved" in record["state"]) == approved


def test_the_same_request_is_known_by_its_terms_not_by_its_objects() -> None:
    assert approvals.same_request(approval_input(), approval_input())
    other: ApprovalInput = approval_input(sha256="0" * 64)
    assert not approvals.same_request(approval_input(), other)
