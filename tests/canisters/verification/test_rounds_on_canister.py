"""Rounds through the real canister: deadlines, upgrades, verdicts that must arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dcanary.testing.native import CanisterReject, user_principal
from tests.canisters.verification.verification_installation import OWNER, Installation
from tests.canisters.verification.verification_samples import (
    SECOND,
    commitment_record,
    file,
    manifest,
    reveal_input,
    round_input,
)

if TYPE_CHECKING:
    pass

COMMIT_SECONDS = 600
REVEAL_SECONDS = 300


@pytest.fixture
def canary() -> Installation:
    return Installation()


def reveals(**changes: Any) -> dict[int, Any]:
    """Three equal reveals; `changes` names those of jobs that differ: `third=…`."""
    made = {number: reveal_input(number) for number in (1, 2, 3)}
    for name, value in changes.items():
        made[{"first": 1, "second": 2, "third": 3}[name]] = value
    return made


def test_three_executors_agree_and_build_executor_is_told_once(canary: Installation) -> None:
    canary.agree()
    (notice,) = canary.notices()
    assert notice["run"] == "run-1"
    verdict = notice["verdict"]
    assert verdict["kind"] == {"Agreed": None}
    assert verdict["files"] == [file()]
    assert verdict["manifest"] == manifest([file()])
    assert verdict["disputes"] == []
    assert canary.verification.query("health")["open"] == 0
    canary.network.advance(3_600)
    assert len(canary.notices()) == 1


def test_one_executor_of_three_reveals_other_bytes(canary: Installation) -> None:
    canary.open()
    other = reveal_input(2, files=[file(content=b"something else")])
    given = reveals(second=other)
    canary.commit_all(given)
    for number, one in given.items():
        assert canary.reveal(one, number) == {"Ok": None}
    (notice,) = canary.notices()
    verdict = notice["verdict"]
    assert verdict["kind"] == {"Agreed": None}
    assert verdict["files"] == [file()]
    assert verdict["jobs"] == ["run-1/build/1", "run-1/build/3"]
    (dispute,) = verdict["disputes"]
    assert dispute["operator"] == "op2"
    assert dispute["differing"] == ["app.wasm"]
    assert canary.round()["verdict"] == verdict


def test_two_disagree_and_the_third_is_silent_past_the_deadline(canary: Installation) -> None:
    canary.open()
    given = reveals(second=reveal_input(2, files=[file(content=b"something else")]))
    canary.commit_all(given)
    for number in (1, 2):
        assert canary.reveal(given[number], number) == {"Ok": None}
    assert canary.notices() == []
    canary.network.advance(REVEAL_SECONDS)
    (notice,) = canary.notices()
    assert notice["verdict"]["kind"] == {"Inconclusive": None}
    assert canary.orders() == []
    assert canary.verification.query("list_approvals", {"cursor": None, "limit": 0}) == {
        "Ok": {"items": [], "next": None}
    }


def test_two_executors_of_one_operator_are_one_vote(canary: Installation) -> None:
    canary.open()
    assert canary.commit(reveal_input(1), 1, "op1") == {"Ok": None}
    refused = canary.commit(reveal_input(2), 2, "op1")
    assert "one vote" in refused["Err"]["Conflict"]
    canary.network.advance(COMMIT_SECONDS)
    (notice,) = canary.notices()
    assert notice["verdict"]["kind"] == {"Inconclusive": None}
    assert len(canary.round()["votes"]) == 1


def test_a_quorum_that_reports_failure_fails_the_stage(canary: Installation) -> None:
    canary.open()
    given = {number: reveal_input(number, failed="timeout") for number in (1, 2, 3)}
    canary.commit_all(given)
    for number, one in given.items():
        assert canary.reveal(one, number) == {"Ok": None}
    (notice,) = canary.notices()
    assert notice["verdict"]["kind"] == {"Failed": None}
    assert "timeout" in notice["verdict"]["reason"]


def test_wrong_reveals_are_refused_and_the_verdict_is_unaffected(canary: Installation) -> None:
    canary.open()
    given = reveals()
    canary.commit_all(given)
    unlike = reveal_input(1, files=[file(content=b"unlike the commitment")])
    assert "Invalid" in canary.reveal(unlike, 1)["Err"]
    assert "Denied" in canary.reveal(given[1], 2)["Err"]
    assert "Conflict" in canary.reveal(reveal_input(4), 4)["Err"]
    for number, one in given.items():
        assert canary.reveal(one, number) == {"Ok": None}
    assert "final" in canary.reveal(unlike, 1)["Err"]["Conflict"]
    (notice,) = canary.notices()
    assert notice["verdict"]["kind"] == {"Agreed": None}
    assert notice["verdict"]["disputes"] == []


def test_a_late_reveal_is_refused_with_the_reason(canary: Installation) -> None:
    canary.open()
    given = reveals()
    canary.commit_all(given)
    for number in (1, 2):
        canary.reveal(given[number], number)
    canary.network.advance(REVEAL_SECONDS + 1)
    assert canary.reveal(given[3], 3)["Err"]["Conflict"].startswith("late")
    assert canary.round()["votes"][2]["revealed_ns"] is None


def test_a_reveal_after_the_window_is_late_even_before_the_timer_runs(
    canary: Installation,
) -> None:
    canary.open()
    given = reveals()
    canary.commit_all(given)
    for number in (1, 2):
        canary.reveal(given[number], number)
    canary.verification.timer_ns = 0
    canary.network.advance(REVEAL_SECONDS)
    assert canary.reveal(given[3], 3)["Err"]["Conflict"].startswith("late")
    assert canary.round()["verdict"]["kind"] == {"Agreed": None}


def test_closing_commits_asks_the_others_to_reveal(canary: Installation) -> None:
    canary.open()
    given = reveals()
    for number in (1, 2):
        canary.commit(given[number], number)
    assert canary.told("close_commits", "run-1", "build") == {"Ok": None}
    assert canary.told("close_commits", "run-1", "build") == {"Ok": None}
    assert canary.round()["phase"] == {"Reveal": None}
    assert "revealed" in canary.commit(given[3], 3)["Err"]["Unavailable"]
    for number in (1, 2):
        canary.reveal(given[number], number)
    (notice,) = canary.notices()
    assert notice["verdict"]["kind"] == {"Agreed": None}


def test_pushes_are_idempotent(canary: Installation) -> None:
    canary.open()
    canary.open()
    other = round_input()
    other["quorum"] = 3
    assert "Conflict" in canary.told("open_round", other)["Err"]
    given = reveal_input(1)
    assert canary.commit(given, 1) == {"Ok": None}
    assert canary.commit(given, 1) == {"Ok": None}
    assert len(canary.round()["votes"]) == 1
    changed = reveal_input(1, failed="command")
    assert "Conflict" in canary.commit(changed, 1)["Err"]


def test_deadlines_survive_an_upgrade(canary: Installation) -> None:
    canary.open()
    canary.commit(reveal_input(1), 1)
    canary.commit(reveal_input(2), 2)
    canary.upgrade()
    canary.network.advance(COMMIT_SECONDS)
    assert canary.round()["phase"] == {"Reveal": None}
    canary.upgrade()
    canary.network.advance(REVEAL_SECONDS)
    (notice,) = canary.notices()
    assert notice["verdict"]["kind"] == {"Inconclusive": None}


@pytest.mark.parametrize("how", ["trap", "Unavailable"])
def test_a_verdict_is_sent_again_until_it_is_taken(canary: Installation, how: str) -> None:
    canary.build_executor.update("answer_with", "record_verdict", how)
    canary.agree()
    assert canary.notices() == []
    canary.network.advance(5)
    assert canary.notices() == []
    canary.upgrade()
    assert canary.notices() == []
    canary.build_executor.update("answer_with", "record_verdict", "Ok")
    canary.network.advance(130)
    assert len(canary.notices()) == 1
    canary.network.advance(3_600)
    assert len(canary.notices()) == 1


def test_a_verdict_whose_answer_was_lost_is_sent_again_with_the_same_content(
    canary: Installation,
) -> None:
    canary.agree()
    network = canary.network
    while not canary.build_executor.query("received"):
        network.time_ns += 1
        if not network.step():
            canary.verification.fire_timer()
    canary.upgrade()
    network.run()
    network.advance(130)
    first, second = canary.notices()
    assert first == second
    assert canary.verification.query("health")["open"] == 0


def test_a_verdict_that_is_refused_for_good_is_not_sent_again(canary: Installation) -> None:
    canary.build_executor.update("answer_with", "record_verdict", "Conflict")
    canary.agree()
    assert len(canary.notices()) == 1
    canary.network.advance(3_600)
    assert len(canary.notices()) == 1
    assert canary.verification.query("health")["open"] == 0


def test_only_build_executor_opens_rounds_and_records_commitments(canary: Installation) -> None:
    stranger = user_principal(7)
    record = commitment_record(reveal_input(1), 1)
    for method, args in (
        ("open_round", (round_input(),)),
        ("record_commitment", (record,)),
        ("close_commits", ("run-1", "build")),
        ("cancel_round", ("run-1", "build")),
    ):
        for caller in (stranger, OWNER, canary.deployment):
            answer = canary.verification.update(method, *args, caller=caller)
            assert "Denied" in answer["Err"], method


def test_anonymous_updates_are_not_even_accepted(canary: Installation) -> None:
    canary.open()
    with pytest.raises(CanisterReject):
        canary.verification.update("reveal", reveal_input(1))


def test_before_wiring_calls_of_siblings_are_unavailable(canary: Installation) -> None:
    bare = canary.network.install(canary.main, caller=OWNER)
    answer = bare.update("open_round", round_input(), caller=canary.build_executor)
    assert "Unavailable" in answer["Err"]
    assert bare.query("health")["wired"] is False


def test_an_unknown_round_is_not_found(canary: Installation) -> None:
    assert "NotFound" in canary.verification.query("get_round", "run-9", "build")["Err"]
    assert "NotFound" in canary.reveal(reveal_input(1), 1)["Err"]
    assert "NotFound" in canary.commit(reveal_input(1), 1)["Err"]


def test_instructions_are_counted_by_method(canary: Installation) -> None:
    canary.agree()
    canary.notices()
    counted = dict(canary.verification.query("instructions"))
    assert {"open_round", "record_commitment", "reveal", "send verdict"} <= set(counted)
    assert all(total > 0 for total in counted.values())


def test_a_refused_commitment_moves_a_round_on_whose_time_has_come(canary: Installation) -> None:
    canary.open()
    # No timer has fired yet: the call itself finds that the time for commitments is over.
    canary.network.time_ns += 601 * SECOND
    answer = canary.commit(reveal_input(1), 1)
    assert "late" in answer["Err"]["Conflict"]
    assert canary.round()["verdict"]["kind"] == {"Inconclusive": None}


def test_thirteen_operators_attest_the_longest_description_of_a_commit(
    canary: Installation,
) -> None:
    canary.open(13, 7)
    described = {"author": "愛" * 1_000, "message": "\U0001f426" * 1_000}
    given = {
        number: reveal_input(number, described=described)  # type: ignore[arg-type]  # a TypedDict
        for number in range(1, 14)
    }
    canary.commit_all(given)
    for number, one in given.items():
        assert canary.reveal(one, number) == {"Ok": None}, number
    (notice,) = canary.notices()
    assert notice["verdict"]["kind"] == {"Agreed": None}
    assert notice["verdict"]["commit"] == described
    assert canary.round()["verdict"] == notice["verdict"]
