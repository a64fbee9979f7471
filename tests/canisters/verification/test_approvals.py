"""Who may approve what, when, and what a vote leads to. Gates block before anyone is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.verification.approvals import orders, requests, rules, views
from canisters.verification.gates import rules as gates
from shared.rules.creation import creation, unbound, unbound_of
from shared.rules.limits import DEFAULT_APPROVAL_TTL_NS
from shared.rules.orders import order_digest
from shared.rules.refused import Refused
from shared.rules.roles import ANONYMOUS
from tests.canisters.verification.verification_samples import (
    NOW,
    SECOND,
    approval_input,
    approver,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from canisters.verification.records import ApprovalRecord, LatestRecord
    from shared.types.approval import ApprovalDecision, ApprovalInput, Order, OrderVerdict
    from shared.types.pipeline import ApprovalPolicy
    from shared.types.release import Plan


VERDICT: OrderVerdict = {
    "manifest": "b" * 64,
    "environment": "c" * 64,
    "operators": ["one", "two"],
    "quorum": 2,
    "replicas": 3,
}


def plan(**changes: Any) -> Plan:
    made: Plan = {
        "canister": None,
        "network": "local",
        "mode": {"Install": None},
        "replaces": None,
        "gates": [],
        "creates": creation([approver(7)], 10**12),
        "canisters": [],
    }
    if changes.get("canister") is not None:
        made["creates"] = None
    for name, value in changes.items():
        made[name] = value  # type: ignore[literal-required] # names of fields
    return made


def order_for(request: ApprovalInput, **changes: Any) -> Order:
    order = orders.make_order(request, plan(**changes), VERDICT, None)
    assert not isinstance(order, str), order
    return order


def pending(**changes: Any) -> ApprovalRecord:
    request = approval_input(**changes)
    return requests.asked(0, request, order_for(request), NOW)


DIGEST = "d" * 64


def decision(approve: bool = True, digest: str = DIGEST, comment: str = "") -> ApprovalDecision:
    return {"approval": "approval-1", "digest": digest, "approve": approve, "comment": comment}


def decide(
    record: ApprovalRecord,
    by: int,
    now: int = NOW,
    policy: ApprovalPolicy | None = None,
    **changes: Any,
) -> tuple[str, str] | None:
    return refused(
        lambda: rules.decide(
            record,
            decision(**changes),
            DIGEST,
            approver(by).to_str(),
            now,
            policy or record["request"]["policy"],
        )
    )


def decide_as(record: ApprovalRecord, caller: str) -> tuple[str, str] | None:
    policy = record["request"]["policy"]
    return refused(lambda: rules.decide(record, decision(), DIGEST, caller, NOW, policy))


def refused(work: Callable[[], None]) -> tuple[str, str] | None:
    """Kind and sentence of the refusal, None when there was none."""
    try:
        work()
    except Refused as error:
        return error.kind, error.sentence
    return None


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
    kind, _ = decide_as(record, ANONYMOUS) or ("", "")
    assert kind == "Denied"
    assert record["votes"] == []


def test_anonymous_is_denied_even_by_a_policy_that_names_it() -> None:
    record = pending()
    record["request"]["policy"]["approvers"] = [type(approver(1)).from_str(ANONYMOUS)]
    kind, _ = decide_as(record, ANONYMOUS) or ("", "")
    assert kind == "Denied"


def test_an_expired_request_cannot_be_decided_and_shows_as_expired() -> None:
    record = two_of_two()
    late = NOW + 60 * SECOND
    assert rules.state_at(record, late - 1) == {"Pending": None}
    assert rules.state_at(record, late) == {"Expired": None}
    kind, sentence = decide(record, 1, now=late) or ("", "")
    assert kind == "Conflict"
    assert "expired" in sentence
    assert record["state"] == {"Expired": None}
    assert record["votes"] == []


def test_a_vote_in_the_last_nanosecond_counts() -> None:
    record = pending()
    assert record["expires_ns"] == NOW + DEFAULT_APPROVAL_TTL_NS
    assert decide(record, 1, now=record["expires_ns"] - 1) is None


def test_an_approved_request_does_not_expire() -> None:
    record = pending()
    assert decide(record, 1) is None
    assert rules.state_at(record, record["expires_ns"] + 1) == {"Approved": None}


def test_a_vote_for_an_order_that_changed_is_refused() -> None:
    record = pending()
    kind, sentence = decide(record, 1, digest="0" * 64) or ("", "")
    assert kind == "Conflict"
    assert DIGEST in sentence
    assert record["votes"] == []


def test_a_decided_request_takes_no_more_votes() -> None:
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
    requests.check_request(approval_input())
    kind, _ = refused(lambda: requests.check_request(approval_input(**changes))) or ("", "")
    assert kind == "Invalid"


def test_a_policy_that_names_anonymous_is_invalid() -> None:
    anonymous = type(approver(1)).from_str(ANONYMOUS)
    policy = {"approvers": [anonymous], "threshold": 1, "ttl_seconds": 1}
    kind, _ = refused(lambda: requests.check_request(approval_input(policy=policy))) or ("", "")
    assert kind == "Invalid"


def test_the_order_says_all_that_is_done_with_the_argument_of_its_mode() -> None:
    request = approval_input(upgrade_arg=b"up", install_arg=b"in")
    upgrade = order_for(request, mode={"Upgrade": None}, replaces=b"old")
    assert (upgrade["argument"], upgrade["replaces"]) == (b"up", b"old")
    assert order_for(request)["argument"] == b"in"
    record = requests.asked(0, request, upgrade, NOW)
    message = orders.release_order(record, upgrade, DIGEST, None)
    assert (message["order"], message["digest"]) == (upgrade, DIGEST)
    assert message["mode"] == {"Upgrade": None}
    assert message["repository"] == "demo"
    assert (message["approval"], message["attempt"]) == ("approval-1", 1)


def test_the_public_view_carries_the_order_and_its_digest() -> None:
    request = approval_input()
    order = order_for(request)
    record = requests.asked(0, request, order, NOW)
    shown = views.shown(record, NOW, order, request["policy"], None)
    assert shown["order"] == order
    assert shown["digest"] == order_digest(order)


def policy_of(*numbers: int, threshold: int = 1) -> ApprovalPolicy:
    named = [approver(number) for number in numbers]
    return {"approvers": named, "threshold": threshold, "ttl_seconds": 0}


def test_an_approver_who_was_removed_since_the_request_cannot_vote() -> None:
    record = pending()
    kind, _ = decide(record, 1, policy=policy_of(2)) or ("", "")
    assert (kind, record["votes"]) == ("Denied", [])


def test_an_approver_who_was_added_since_the_request_can_vote() -> None:
    record = pending()
    assert decide(record, 3, policy=policy_of(3)) is None
    assert record["state"] == {"Approved": None}


def test_an_earlier_vote_of_somebody_removed_since_counts_no_more() -> None:
    record = pending(policy=policy_of(1, 2, 3, threshold=2))
    assert decide(record, 1) is None
    now = policy_of(2, 3, threshold=2)
    assert decide(record, 2, policy=now) is None
    assert record["state"] == {"Pending": None}
    assert [vote["approver"].bytes for vote in rules.counted_votes(record["votes"], now)] == [
        approver(2).bytes
    ]
    assert decide(record, 3, policy=now) is None
    assert record["state"] == {"Approved": None}


def latest(run: str) -> LatestRecord:
    return {
        "version": 1,
        "approval": "approval-9",
        "run": run,
        "release": "release-4",
    }


def test_a_request_of_an_older_run_than_the_released_one_cannot_be_approved() -> None:
    record = pending()
    policy = record["request"]["policy"]
    caller = approver(1).to_str()
    newer = latest("run-10")
    kind, sentence = refused(
        lambda: rules.decide(record, decision(), DIGEST, caller, NOW, policy, None, newer)
    ) or ("", "")
    assert kind == "Conflict"
    assert "release-4" in sentence
    assert "roll that release back" in sentence
    assert "Superseded" in record["state"]
    assert record["votes"] == []
    for same_or_older in ("run-1", "run-0"):
        assert rules.superseded_by(pending(), latest(same_or_older)) is None


def test_what_changed_since_an_approval_is_named() -> None:
    had = {"mode": {"Upgrade": None}, "replaces": b"old", "canister": approver(8)}
    order = order_for(approval_input(), **had)
    same = plan(**had)
    assert orders.changed_since(order, approval_input(), same, "release-1") == []
    failed = {"gate": {"ModuleKind": None}, "passed": False, "detail": "no module"}
    changed = plan(replaces=b"new", network="mainnet", canister=approver(9), gates=[failed])
    assert len(orders.changed_since(order, approval_input(), changed, "release-1")) == 4


def test_what_a_new_canister_would_get_by_now_is_named_a_field_a_sentence() -> None:
    asked = creation([approver(7), approver(8)], 10**12)
    order = order_for(approval_input(), creates=asked)
    assert order["creates"] == asked
    same = creation([approver(8), approver(7), approver(8)], 10**12)
    assert orders.changed_since(order, approval_input(), plan(creates=same), "release-1") == []
    other = creation([approver(7), approver(9)], 2 * 10**12)
    controllers, cycles = orders.changed_since(
        order, approval_input(), plan(creates=other), "release-1"
    )
    assert approver(9).to_str() in controllers
    assert approver(8).to_str() in controllers.partition("people were asked about")[2]
    assert (
        "cycles are 2,000,000,000,000 by now, people were asked about 1,000,000,000,000" in cycles
    )
    # The attempt that failed has created it: deployment compares what it has.
    there = plan(canister=approver(9))
    assert orders.changed_since(order, approval_input(), there, "release-1") == []
    # No attempt has begun: somebody else has made it.
    (other_canister,) = orders.changed_since(order, approval_input(), there, None)
    assert "people were asked about a new one" in other_canister


def test_an_order_that_creates_and_does_not_say_with_what_holds_no_more() -> None:
    earlier = order_for(approval_input(), creates=None)
    for now in (plan(), plan(canister=approver(9))):
        assert orders.changed_since(earlier, approval_input(), now, "release-1") == [
            unbound_of("run-1")
        ]
    record = pending()
    policy = record["request"]["policy"]
    caller = approver(1).to_str()
    why = unbound(earlier)
    # Another digest than the order's blocks nothing.
    wrong = refused(
        lambda: rules.decide(
            record, decision(digest="0" * 64), DIGEST, caller, NOW, policy, unbound=why
        )
    )
    assert wrong is not None
    assert record["state"] == {"Pending": None}
    kind, sentence = refused(
        lambda: rules.decide(record, decision(), DIGEST, caller, NOW, policy, unbound=why)
    ) or ("", "")
    assert (kind, record["state"]) == ("Conflict", {"Blocked": unbound_of("run-1")})
    assert unbound_of("run-1") in sentence
    assert record["votes"] == []


def test_a_failed_gate_of_the_plan_blocks() -> None:
    request = approval_input(gates=[{"MaxArtifactBytes": 100}, {"ModuleKind": None}])
    failed = {"gate": {"ModuleKind": None}, "passed": False, "detail": "it is HTML"}
    order = order_for(request, gates=[failed])
    record = requests.asked(0, request, order, NOW)
    assert "it is HTML" in record["state"]["Blocked"]
    assert len(order["gates"]) == 2


@pytest.mark.parametrize("name", ["", "approval-", "approval-0", "approval-01", "approval-x", "1"])
def test_a_text_that_names_no_approval_is_not_read_as_one(name: str) -> None:
    assert requests.number_of(name) is None


@given(st.integers(0, 10**12))
def test_a_name_leads_back_to_its_number(number: int) -> None:
    assert requests.number_of(requests.name_of(number)) == number


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
        digest = DIGEST if matching else "0" * 64
        accepted = decide(record, by, now=now, approve=approve, digest=digest) is None
        assert not accepted or (matching and by <= 3 and now < record["expires_ns"])
    in_favour = {vote["approver"].to_str() for vote in record["votes"] if vote["approve"]}
    against = [vote for vote in record["votes"] if not vote["approve"]]
    approved = len(in_favour) >= threshold and not against
    assert ("Approved" in record["state"]) == approved


def test_the_same_request_is_known_by_its_terms_not_by_its_objects() -> None:
    assert requests.same_request(approval_input(), approval_input())
    other: ApprovalInput = approval_input(sha256="0" * 64)
    assert not requests.same_request(approval_input(), other)
