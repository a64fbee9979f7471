"""A round takes commitments, then reveals, then its verdict; what is refused changes nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.verification.rounds import rules
from shared.rules.limits import REVEAL_GRACE_NS, REVEAL_WINDOW_NS
from shared.rules.refused import Refused
from tests.canisters.verification.verification_samples import (
    NOW,
    SECOND,
    commitment_record,
    executor,
    file,
    open_round,
    reveal_input,
    round_input,
)

if TYPE_CHECKING:
    from canisters.verification.records import RoundRecord
    from shared.types.attestation import CommitmentRecord, RevealInput

LATER = NOW + 1_000 * SECOND
SOON = NOW + 400 * SECOND


def committed(*reveals: RevealInput, replicas: int = 3, quorum: int = 2) -> RoundRecord:
    round = open_round(replicas, quorum)
    for number, reveal in enumerate(reveals, 1):
        assert commit(round, commitment_record(reveal, number), NOW) is None
    rules.advance(round, NOW)
    return round


def refusal(work: Callable[[], None]) -> Refused | None:
    """How the work is refused; None when it is done."""
    try:
        work()
    except Refused as refused:
        return refused
    return None


def commit(round: RoundRecord, record: CommitmentRecord, now: int = NOW) -> Refused | None:
    return refusal(lambda: rules.commit(round, record, now))


def reveal(round: RoundRecord, given: RevealInput, by: int, now: int = NOW) -> Refused | None:
    return refusal(lambda: rules.reveal(round, given, executor(by).to_str(), now))


def problem(given: RevealInput) -> str:
    """What is said against a reveal whatever its round."""
    return sentence(refusal(lambda: rules.check_reveal(given)))


def kind_of(round: RoundRecord) -> str:
    assert round["verdict"] is not None
    (word,) = round["verdict"]["kind"]
    return word


def sentence(refused: Refused | None) -> str:
    assert refused is not None
    return refused.sentence


def kind(refused: Refused | None) -> str:
    assert refused is not None
    return refused.kind


def shown(round: RoundRecord) -> str:
    """The record as text: two principals of one identity are not equal as objects."""
    return repr(round)


def three() -> list[RevealInput]:
    return [reveal_input(number) for number in (1, 2, 3)]


def test_reveals_are_asked_for_when_all_replicas_have_committed() -> None:
    round = committed(*three())
    assert round["phase"] == {"Reveal": None}
    assert round["reveal_until_ns"] == NOW + REVEAL_WINDOW_NS


def test_a_round_closes_when_all_have_revealed() -> None:
    round = committed(*three())
    for number, opened in enumerate(three(), 1):
        assert not rules.is_closed(round)
        assert reveal(round, opened, number) is None
        rules.advance(round, NOW)
    assert rules.is_closed(round)
    assert kind_of(round) == "Agreed"


def test_one_who_is_silent_holds_up_an_agreement_for_the_grace_only() -> None:
    round = committed(*three())
    for number in (1, 2):
        assert reveal(round, reveal_input(number), number) is None
    assert rules.advance(round, NOW)
    assert rules.deadline_ns(round) == NOW + REVEAL_GRACE_NS
    assert not rules.advance(round, NOW + REVEAL_GRACE_NS - 1)
    assert rules.advance(round, NOW + REVEAL_GRACE_NS)
    assert kind_of(round) == "Agreed"


def test_reveals_that_differ_ask_the_operators_that_were_cut_off_after_all() -> None:
    """One of three commits to nonsense at once, a second is honest, the third was slow."""
    nonsense = reveal_input(1, files=[file(content=b"nonsense")])
    round = committed(nonsense, reveal_input(2))
    rules.advance(round, NOW, commits_closed=True)
    early = commit(round, commitment_record(reveal_input(3), 3), NOW)
    assert kind(early) == "Unavailable"
    for number, one in ((1, nonsense), (2, reveal_input(2))):
        assert reveal(round, one, number) is None
        rules.advance(round, NOW)
    assert not rules.is_closed(round)
    assert rules.deadline_ns(round) == round["commit_until_ns"]
    assert commit(round, commitment_record(reveal_input(3), 3), SOON) is None
    assert reveal(round, reveal_input(3), 3, SOON) is None
    assert rules.advance(round, SOON)
    assert kind_of(round) == "Agreed"


def test_one_who_commits_and_never_reveals_leaves_room_for_the_third() -> None:
    round = committed(reveal_input(1), reveal_input(2))
    rules.advance(round, NOW, commits_closed=True)
    assert reveal(round, reveal_input(2), 2) is None
    # Not after the whole window for reveals: one operator would delay every run by it.
    assert rules.deadline_ns(round) == NOW + REVEAL_GRACE_NS
    assert not rules.advance(round, NOW + REVEAL_GRACE_NS - 1)
    assert rules.advance(round, NOW + REVEAL_GRACE_NS)
    assert not rules.is_closed(round)
    assert commit(round, commitment_record(reveal_input(3), 3), SOON) is None
    assert reveal(round, reveal_input(3), 3, SOON) is None
    rules.advance(round, SOON)
    assert rules.advance(round, SOON + REVEAL_GRACE_NS)
    assert kind_of(round) == "Agreed"


def test_absence_between_commitment_and_reveal_is_only_waited_for() -> None:
    round = committed(*three())
    weekend = round["reveal_until_ns"] + REVEAL_GRACE_NS
    assert weekend < round["commit_until_ns"]
    rules.advance(round, weekend)
    for number in (1, 2, 3):
        assert reveal(round, reveal_input(number), number, weekend) is None
    rules.advance(round, weekend)
    assert kind_of(round) == "Agreed"


def test_a_round_ends_at_its_outer_bound_whatever_is_missing() -> None:
    round = committed(*three())
    rules.advance(round, round["reveal_until_ns"])
    assert rules.advance(round, rules.outer_bound_ns(round))
    assert kind_of(round) == "Inconclusive"


def test_too_few_commitments_before_the_deadline_are_inconclusive() -> None:
    round = committed(reveal_input(1))
    assert not rules.advance(round, NOW)
    assert rules.advance(round, round["commit_until_ns"])
    assert kind_of(round) == "Inconclusive"


def test_closing_commits_goes_on_with_those_who_committed() -> None:
    round = committed(reveal_input(1), reveal_input(2))
    assert rules.advance(round, NOW, commits_closed=True)
    assert round["phase"] == {"Reveal": None}
    assert not rules.advance(round, NOW, commits_closed=True)


def test_a_commitment_of_the_same_job_is_taken_once_and_is_final() -> None:
    round = committed(reveal_input(1))
    again = commitment_record(reveal_input(1), 1)
    assert commit(round, again, NOW) is None
    assert len(round["votes"]) == 1
    changed = commitment_record(reveal_input(1, failed="command"), 1)
    assert "final" in sentence(commit(round, changed, NOW))


def test_the_same_commitment_is_ok_even_when_commits_are_over() -> None:
    round = committed(*three())
    assert commit(round, commitment_record(reveal_input(1), 1), LATER) is None


def test_an_operator_has_one_vote_however_many_executors_it_has() -> None:
    round = committed(reveal_input(1))
    second = commitment_record(reveal_input(2), 2, operator="op1")
    error = commit(round, second, NOW)
    assert kind(error) == "Conflict"
    assert "one vote" in sentence(error)
    assert len(round["votes"]) == 1


def test_an_executor_has_one_vote_whatever_operator_it_is_said_to_have() -> None:
    round = committed(reveal_input(1))
    second = commitment_record(reveal_input(2), 1, operator="op2")
    assert "already" in sentence(commit(round, second, NOW))


def test_a_late_commitment_is_refused() -> None:
    round = open_round()
    record = commitment_record(reveal_input(1), 1)
    assert "late" in sentence(commit(round, record, round["commit_until_ns"]))
    full = committed(*three())
    assert "late" in sentence(commit(full, commitment_record(reveal_input(4), 4), NOW))


def test_a_commitment_of_another_stage_or_of_a_wrong_length_is_invalid() -> None:
    round = open_round()
    record = commitment_record(reveal_input(1), 1)
    record["job"] = "run-1/test/1"
    assert "is not one of stage" in sentence(commit(round, record, NOW))
    record = commitment_record(reveal_input(1), 1)
    record["commitment"] = b"short"
    assert "5 bytes" in sentence(commit(round, record, NOW))


def test_a_reveal_that_does_not_match_its_commit_is_refused_and_may_be_corrected() -> None:
    round = committed(*three())
    before = shown(round)
    wrong = reveal_input(1, files=[file(content=b"other")])
    error = reveal(round, wrong, 1)
    assert kind(error) == "Invalid"
    assert shown(round) == before
    assert reveal(round, reveal_input(1), 1) is None


def test_a_reveal_with_another_nonce_does_not_match() -> None:
    round = committed(*three())
    wrong = reveal_input(1)
    wrong["nonce"] = b"x" * 32
    assert "does not match" in sentence(reveal(round, wrong, 1))


def test_a_reveal_by_another_executor_is_denied() -> None:
    round = committed(*three())
    error = reveal(round, reveal_input(1), 2)
    assert kind(error) == "Denied"


def test_a_reveal_before_all_have_committed_is_refused() -> None:
    round = committed(reveal_input(1))
    assert "still commit" in sentence(reveal(round, reveal_input(1), 1))


def test_a_reveal_after_the_verdict_is_late_and_changes_nothing() -> None:
    round = committed(*three())
    for number in (1, 2):
        assert reveal(round, reveal_input(number), number) is None
    rules.advance(round, LATER)
    rules.advance(round, LATER + REVEAL_GRACE_NS)
    before = shown(round)
    error = reveal(round, reveal_input(3), 3, LATER + REVEAL_GRACE_NS)
    assert kind(error) == "Conflict"
    assert sentence(error).startswith("late")
    assert shown(round) == before


def test_the_same_reveal_sent_again_is_ok_and_another_one_is_refused() -> None:
    round = committed(*three())
    assert reveal(round, reveal_input(1), 1) is None
    assert reveal(round, reveal_input(1), 1, LATER) is None
    changed = reveal_input(1, failed="command")
    assert "final" in sentence(reveal(round, changed, 1))


def test_a_reveal_without_a_commitment_is_refused() -> None:
    round = committed(reveal_input(1), reveal_input(2))
    rules.advance(round, NOW, commits_closed=True)
    assert "no commitment" in sentence(reveal(round, reveal_input(3), 3))


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/etc/passwd", "normalised"),
        ("a/../b", "normalised"),
        ("a//b", "normalised"),
        ("./a", "normalised"),
        ("a\nb", "normalised"),
        ("", "bytes"),
        ("x" * 241, "bytes"),
    ],
)
def test_a_manifest_with_a_bad_path_is_invalid(path: str, word: str) -> None:
    bad = file()
    bad["path"] = path
    assert word in (rules.files_problem([bad]) or "")


def test_a_manifest_with_a_path_twice_or_too_many_files_is_invalid() -> None:
    assert "twice" in (rules.files_problem([file(), file()]) or "")
    many = [file(str(number)) for number in range(257)]
    assert "MAX_MANIFEST_FILES" in (rules.files_problem(many) or "")


def test_a_reveal_of_a_failure_with_files_or_without_a_reason_is_invalid() -> None:
    given = reveal_input(1, failed="command")
    given["files"] = [file()]
    assert "no artifacts" in problem(given)
    assert "one line" in problem(reveal_input(1, failed=""))
    assert "one line" in problem(reveal_input(1, failed="a\nb"))


def test_a_reveal_with_a_short_nonce_or_environment_is_invalid() -> None:
    given = reveal_input(1)
    given["nonce"] = b"guess"
    assert "nonce" in problem(given)
    assert "environment" in problem(reveal_input(1, environment="E" * 64))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run", ""),
        ("stage", "a/b"),
        ("repository", "x" * 65),
        ("replicas", 0),
        ("replicas", 14),
        ("quorum", 0),
        ("quorum", 4),
        ("quorum", 1),
        ("commit_until_ns", NOW),
    ],
)
def test_a_round_that_makes_no_sense_is_not_opened(field: str, value: object) -> None:
    request = round_input()
    rules.check_opening(request, NOW)
    request[field] = value  # type: ignore[literal-required]
    error = refusal(lambda: rules.check_opening(request, NOW))
    assert kind(error) == "Invalid"


EVENTS = st.lists(
    st.tuples(st.sampled_from(["commit", "reveal", "close", "wait"]), st.integers(1, 5)),
    max_size=30,
)


@given(EVENTS)
def test_a_round_only_moves_forward_and_its_verdict_is_final(
    events: list[tuple[str, int]],
) -> None:
    round = open_round()
    now = NOW
    order = ["Commit", "Reveal", "Closed"]
    reached = 0
    verdict = None
    for event, number in events:
        given_reveal = reveal_input(number)
        if event == "commit":
            commit(round, commitment_record(given_reveal, number), now)
        elif event == "reveal":
            reveal(round, given_reveal, number, now)
        elif event == "wait":
            now += 200 * SECOND
        rules.advance(round, now, commits_closed=event == "close")
        (phase,) = round["phase"]
        assert order.index(phase) >= reached
        reached = order.index(phase)
        assert len(round["votes"]) <= round["replicas"]
        assert (round["verdict"] is not None) == (phase == "Closed")
        if verdict is not None:
            assert round["verdict"] == verdict
        verdict = copy.deepcopy(round["verdict"])
