"""What is approved is a whole order, bound by its digest, under the policy of the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dcanary.testing.native import user_principal
from shared.rules.orders import order_digest
from tests.canisters.verification.verification_installation import OWNER, Installation
from tests.canisters.verification.verification_samples import (
    APPROVED,
    SECOND,
    approval_input,
    approver,
)

if TYPE_CHECKING:
    pass

PIPELINE_CONFIG = user_principal(92)


@pytest.fixture
def canary() -> Installation:
    return Installation()


def ask(canary: Installation, run: str = "run-1", **changes: Any) -> Any:
    """The request of a run whose executors have agreed."""
    if "Err" in canary.verification.query("get_round", run, "build"):
        canary.agree(run)
    return canary.told("request_approval", approval_input(run, **changes))


def shown(canary: Installation, approval: str = "approval-1") -> Any:
    return canary.verification.query("get_approval", approval)["Ok"]


def state(canary: Installation, approval: str = "approval-1") -> Any:
    return shown(canary, approval)["state"]


def decide(
    canary: Installation, by: int = 1, approval: str = "approval-1", approve: bool = True
) -> Any:
    given = {
        "approval": approval,
        "digest": shown(canary, approval)["digest"],
        "approve": approve,
        "comment": "as seen",
    }
    return canary.verification.update("decide_approval", given, caller=approver(by).bytes)


def sync(canary: Installation, *numbers: int, threshold: int = 1) -> Any:
    policy = {
        "approvers": [approver(number) for number in numbers],
        "threshold": threshold,
        "ttl_seconds": 0,
    }
    return canary.verification.update("sync_policy", "demo", policy, caller=PIPELINE_CONFIG)


def test_an_approver_sees_all_that_is_ordered_and_the_digest_binds_it(
    canary: Installation,
) -> None:
    ask(canary, install_arg=b"arguments", memory={"Replace": None})
    found = shown(canary)
    order = found["order"]
    assert order["argument"] == b"arguments"
    assert order["memory"] == {"Replace": None}
    assert (order["network"], order["canister"], order["replaces"]) == ("local", None, None)
    assert order["verdict"]["operators"] == ["op1", "op2", "op3"]
    assert (order["verdict"]["quorum"], order["verdict"]["replicas"]) == (2, 3)
    assert order["source"]["sha"] == "a" * 40
    assert [next(iter(result["gate"])) for result in order["gates"]] == ["ModuleKind"]
    assert found["digest"] == order_digest(order)
    decide(canary)
    (message,) = canary.orders()
    assert (message["order"], message["digest"]) == (order, found["digest"])


def test_bytes_that_nobody_agreed_on_cannot_be_asked_about(canary: Installation) -> None:
    nothing = canary.told("request_approval", approval_input("run-5"))
    assert "no agreed result" in nothing["Err"]["Conflict"]
    assert "other bytes" in ask(canary, sha256="0" * 64)["Err"]["Conflict"]
    assert "other bytes" in ask(canary, artifact="other.wasm")["Err"]["Conflict"]


def test_the_policy_in_force_decides_who_may_vote(canary: Installation) -> None:
    ask(canary)
    assert sync(canary, 2) == {"Ok": None}
    assert "Denied" in decide(canary, 1)["Err"]
    assert [one.bytes for one in shown(canary)["policy"]["approvers"]] == [approver(2).bytes]
    assert "Approved" in decide(canary, 2)["Ok"]["state"]


def test_a_vote_of_somebody_removed_since_counts_no_more(canary: Installation) -> None:
    sync(canary, 1, 2, 3, threshold=2)
    ask(canary)
    assert len(decide(canary, 1)["Ok"]["counted"]) == 1
    sync(canary, 2, 3, threshold=2)
    assert shown(canary)["counted"] == []
    assert "Pending" in decide(canary, 2)["Ok"]["state"]
    assert "Approved" in decide(canary, 3)["Ok"]["state"]


def test_votes_that_suffice_since_the_policy_changed_approve(canary: Installation) -> None:
    sync(canary, 1, 2, threshold=2)
    for number in (1, 2, 3):
        ask(canary, f"run-{number}")
    assert "Pending" in decide(canary, 1, "approval-2")["Ok"]["state"]
    sync(canary, 1, threshold=1)
    canary.network.advance(1)
    (ordered,) = canary.orders()
    assert (ordered["approval"], ordered["attempt"]) == ("approval-2", 1)
    assert "approval-2" in state(canary, "approval-1")["Superseded"]
    assert state(canary, "approval-3") == {"Pending": None}
    assert canary.notice_states("run-2")[-1] == "Releasing"


def test_votes_that_do_not_suffice_after_a_change_of_the_policy_approve_nothing(
    canary: Installation,
) -> None:
    sync(canary, 1, 2, threshold=2)
    ask(canary)
    decide(canary, 1)
    sync(canary, 2, 3, threshold=1)
    canary.network.advance(1)
    assert state(canary) == {"Pending": None}
    assert canary.orders() == []


def test_a_request_that_expired_is_not_approved_by_a_change_of_the_policy(
    canary: Installation,
) -> None:
    ask(canary, policy={"approvers": [approver(1), approver(2)], "threshold": 2, "ttl_seconds": 60})
    decide(canary, 1)
    canary.network.time_ns += 60 * SECOND
    sync(canary, 1, threshold=1)
    canary.network.advance(1)
    assert state(canary) == {"Expired": None}
    assert canary.orders() == []


def test_only_pipeline_config_sets_a_policy_and_only_one_that_can_be_met(
    canary: Installation,
) -> None:
    policy = {"approvers": [approver(1)], "threshold": 1, "ttl_seconds": 0}
    for caller in (OWNER, canary.build_executor, canary.deployment):
        answer = canary.verification.update("sync_policy", "demo", policy, caller=caller)
        assert "Denied" in answer["Err"]
    assert "Invalid" in sync(canary, 1, threshold=2)["Err"]
    assert "Invalid" in sync(canary, threshold=0)["Err"]


def test_an_approval_voids_older_requests_for_the_target(canary: Installation) -> None:
    for number in (1, 2, 3):
        ask(canary, f"run-{number}")
    assert "Approved" in decide(canary, 1, "approval-2")["Ok"]["state"]
    assert "approval-2" in state(canary, "approval-1")["Superseded"]
    assert state(canary, "approval-3") == {"Pending": None}
    refused = decide(canary, 1, "approval-1")["Err"]["Conflict"]
    assert "superseded" in refused.lower()
    assert canary.notice_states("run-1")[-1] == "Rejected"
    canary.report({"Released": None}, "approval-2")
    assert "Approved" in decide(canary, 1, "approval-3")["Ok"]["state"]


def test_a_request_of_an_older_run_that_comes_late_is_superseded_at_once(
    canary: Installation,
) -> None:
    ask(canary, "run-2")
    decide(canary)
    canary.orders()
    canary.report({"Released": None})
    ask(canary, "run-1")
    assert "roll that release back" in state(canary, "approval-2")["Superseded"]


def test_when_the_newer_release_failed_the_older_run_can_be_asked_about(
    canary: Installation,
) -> None:
    ask(canary, "run-2")
    decide(canary)
    canary.orders()
    canary.report({"Failed": "Installing: it trapped."})
    ask(canary, "run-1")
    assert state(canary, "approval-2") == {"Pending": None}


def test_the_run_is_told_each_step_from_request_to_release(canary: Installation) -> None:
    ask(canary)
    assert canary.notice_states() == ["Approving"]
    decide(canary)
    canary.network.tick()
    canary.report({"Releasing": None})
    assert state(canary) == {"Releasing": "release-1"}
    canary.report({"Released": None})
    assert state(canary) == {"Released": "release-1"}
    states = canary.notice_states()
    assert states[0] == "Approving"
    assert states[-1] == "Released"
    assert set(states) == {"Approving", "Releasing", "Released"}
    # A report that was overtaken changes nothing.
    canary.report({"Releasing": None})
    assert state(canary) == {"Released": "release-1"}


def test_an_expired_request_is_told_without_a_call(canary: Installation) -> None:
    policy = {"approvers": [approver(1)], "threshold": 1, "ttl_seconds": 60}
    ask(canary, policy=policy)
    canary.upgrade()
    canary.network.advance(70)
    assert state(canary) == {"Expired": None}
    assert canary.notice_states()[-1] == "Rejected"


def test_a_failed_release_is_retried_with_the_same_order(canary: Installation) -> None:
    ask(canary)
    decide(canary)
    canary.orders()
    canary.report({"Failed": "Stopping: it did not stop."})
    assert state(canary) == {"ReleaseFailed": "Stopping: it did not stop."}
    assert canary.notice_states()[-1] == "Failed"
    assert canary.verification.update("retry_release", "approval-1", caller=OWNER) == {
        "Ok": "approval-1"
    }
    first, second = canary.orders()
    assert second["digest"] == first["digest"]
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert state(canary) == {"Releasing": "release-2"}
    # What deployment says of the first attempt comes too late.
    canary.report({"Failed": "Stopping: it did not stop."}, release="release-1")
    assert state(canary) == {"Releasing": "release-2"}
    canary.report({"Released": None}, release="release-2", attempt=2)
    assert state(canary) == {"Released": "release-2"}


def test_a_retry_says_what_has_changed(canary: Installation) -> None:
    ask(canary)
    assert "Pending" in retried(canary)
    decide(canary)
    canary.orders()
    canary.report({"Failed": "no"})
    canary.deployment.update("answer_with", "plan_release", "upgrade")
    assert "runs module" in retried(canary)
    assert len(canary.orders()) == 1
    stranger = canary.verification.update("retry_release", "approval-1", caller=user_principal(7))
    assert "Denied" in stranger["Err"]


def test_an_order_that_creates_a_canister_binds_what_that_gets(canary: Installation) -> None:
    ask(canary)
    creates = shown(canary)["order"]["creates"]
    assert creates["cycles"] == 3_000_000_000_000
    assert len(creates["controllers"]) == 1
    decide(canary)
    (message,) = canary.orders()
    assert message["order"]["creates"] == creates
    canary.report({"Failed": "no"})
    canary.deployment.update("answer_with", "plan_release", "seven cycles")
    assert "cycles are 7 by now, people were asked about 3,000,000,000,000" in retried(canary)
    assert len(canary.orders()) == 1


def ask_as_earlier(canary: Installation) -> None:
    """Ask for an order as it was made before orders said what a new canister gets."""
    orders = canary.verification.module("canisters.verification.store").approval_orders
    insert = orders.insert

    def insert_as_earlier(number: int, record: Any) -> None:
        insert(number, {**record, "order": {**record["order"], "creates": None}})

    orders.insert = insert_as_earlier
    ask(canary)
    del orders.insert
    assert shown(canary)["order"]["creates"] is None


def test_a_pending_order_of_an_earlier_version_that_creates_is_not_approved_but_asked_afresh(
    canary: Installation,
) -> None:
    sync(canary, 1, 2, threshold=2)
    ask_as_earlier(canary)
    stranger = decide(canary, 3)["Err"]
    assert "Denied" in stranger
    assert state(canary) == {"Pending": None}
    refused = decide(canary, 2)["Err"]["Conflict"]
    assert "`dcanary run retry run-1` asks people again" in refused
    assert "does not say which controllers and cycles" in refused
    assert "does not say which controllers and cycles" in state(canary)["Blocked"]
    assert shown(canary)["votes"] == []
    assert canary.notice_states()[-1] == "Rejected"
    assert canary.orders() == []
    assert ask(canary, attempt=2) == {"Ok": "approval-2"}
    assert shown(canary, "approval-2")["order"]["creates"] is not None


def test_a_pending_order_of_an_earlier_version_that_creates_can_be_rejected(
    canary: Installation,
) -> None:
    ask_as_earlier(canary)
    assert decide(canary, approve=False)["Ok"]["state"] == {"Rejected": None}


def test_an_approved_order_of_an_earlier_version_that_creates_is_not_retried(
    canary: Installation,
) -> None:
    rules = canary.verification.module("canisters.verification.approvals.service")
    rules.unbound, bound = (lambda order: None), rules.unbound
    ask_as_earlier(canary)
    assert "Approved" in decide(canary)["Ok"]["state"]
    rules.unbound = bound
    canary.orders()
    canary.report({"Failed": "no"})
    assert "does not say which controllers and cycles" in retried(canary)


def test_nobody_is_asked_about_a_new_canister_of_which_deployment_says_nothing(
    canary: Installation,
) -> None:
    canary.deployment.update("answer_with", "plan_release", "earlier version")
    assert "upgrade deployment too" in ask(canary)["Err"]["Unavailable"]
    assert "NotFound" in canary.verification.query("get_approval", "approval-1")["Err"]
    canary.deployment.update("answer_with", "plan_release", "Ok")
    assert ask(canary) == {"Ok": "approval-1"}


def retried(canary: Installation) -> str:
    answer = canary.verification.update("retry_release", "approval-1", caller=OWNER)
    return str(answer["Err"]["Conflict"])


def test_an_order_that_deployment_refuses_can_be_retried(canary: Installation) -> None:
    canary.deployment.update("answer_with", "start_release", "Conflict")
    ask(canary)
    decide(canary)
    assert canary.orders() == []
    assert "told to refuse" in state(canary)["ReleaseFailed"]
    canary.deployment.update("answer_with", "start_release", "Ok")
    assert "Ok" in canary.verification.update("retry_release", "approval-1", caller=OWNER)
    assert len(canary.orders()) == 1


def test_a_request_that_is_asked_anew_stands_alone(canary: Installation) -> None:
    """The first one was rejected, or still waits: then it is withdrawn."""
    assert ask(canary) == {"Ok": "approval-1"}
    decide(canary, approve=False)
    assert ask(canary, attempt=2) == {"Ok": "approval-2"}
    assert ask(canary, attempt=2) == {"Ok": "approval-2"}
    assert state(canary, "approval-2") == {"Pending": None}
    assert ask(canary, attempt=3) == {"Ok": "approval-3"}
    assert state(canary, "approval-2") == {"Blocked": "withdrawn: run-1 asks anew"}
    assert state(canary, "approval-3") == {"Pending": None}


def test_a_run_that_asks_anew_while_its_order_is_carried_out_again_follows_that_one(
    canary: Installation,
) -> None:
    """Both retries at once left the run Failed for ever, though its release succeeded."""
    ask(canary)
    decide(canary)
    canary.orders()
    canary.report({"Failed": "no"})
    assert "Ok" in canary.verification.update("retry_release", "approval-1", caller=OWNER)
    assert ask(canary, attempt=2) == {"Ok": "approval-1"}
    assert "another" in ask(canary, attempt=2, artifact="other.wasm")["Err"]["Conflict"]
    canary.orders()
    canary.report({"Released": None}, release="release-2", attempt=2)
    assert canary.notice_states()[-1] == "Released"
    assert canary.build_executor.query("noticed")[-1]["attempt"] == 2


def test_an_order_is_void_once_its_run_asks_anew(canary: Installation) -> None:
    ask(canary)
    decide(canary)
    canary.orders()
    canary.report({"Failed": "no"})
    assert ask(canary, attempt=2) == {"Ok": "approval-2"}
    assert "approval-2 asks anew" in retried(canary)
    assert len(canary.orders()) == 1


def test_a_request_is_withdrawn_with_its_run_unless_it_is_approved(canary: Installation) -> None:
    ask(canary)
    assert canary.told("withdraw_approval", "approval-1", "cancelled") == {"Ok": None}
    assert "withdrawn" in state(canary)["Blocked"]
    assert canary.told("withdraw_approval", "approval-1", "cancelled") == {"Ok": None}
    ask(canary, "run-2")
    decide(canary, approval="approval-2")
    late = canary.told("withdraw_approval", "approval-2", "cancelled")
    assert "only a Pending request" in late["Err"]["Conflict"]


def test_an_artifact_that_is_no_module_blocks_before_people_are_asked(
    canary: Installation,
) -> None:
    canary.deployment.update("answer_with", "plan_release", "not wasm")
    ask(canary)
    assert "not a WebAssembly module" in state(canary)["Blocked"]
    assert canary.notice_states() == ["Rejected"]
    assert APPROVED in shown(canary)["request"]["sha256"]


def test_reports_come_from_deployment_only(canary: Installation) -> None:
    ask(canary)
    report = {
        "approval": "approval-1",
        "release": "release-1",
        "state": {"Released": None},
        "attempt": None,
    }
    for caller in (OWNER, canary.build_executor, approver(1).bytes):
        answer = canary.verification.update("record_release", report, caller=caller)
        assert "Denied" in answer["Err"]
    # Nor does deployment release what nobody approved.
    canary.report({"Released": None})
    assert state(canary) == {"Pending": None}


def test_a_request_of_version_0_1_0_gets_its_order_before_it_is_decided(
    canary: Installation,
) -> None:
    orders = canary.verification.module("canisters.verification.store").approval_orders
    orders.insert = lambda number, record: None
    ask(canary)
    del orders.insert
    assert shown(canary)["digest"] is None
    given = {"approval": "approval-1", "digest": "", "approve": True, "comment": ""}
    answer = canary.verification.update("decide_approval", given, caller=approver(1).bytes)
    assert "earlier version" in answer["Err"]["Unavailable"]
    canary.network.time_ns += SECOND
    canary.network.tick()
    assert "Approved" in decide(canary)["Ok"]["state"]
