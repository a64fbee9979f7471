"""Which result wins, and who is said to differ from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from canisters.verification.rounds.verdicts import commit_of, compare_files, decide, disputes
from tests.canisters.verification import verification_samples as samples
from tests.canisters.verification.verification_samples import NOW, file, manifest, vote

if TYPE_CHECKING:
    from canisters.verification.records import VoteRecord
    from shared.types.run import CommitDescription

OTHER = [file(content=b"other bytes")]


def kind_of(votes: list[VoteRecord], replicas: int = 3, quorum: int = 2) -> str:
    (word,) = decide(votes, replicas, quorum, NOW)["kind"]
    return word


def test_three_equal_reveals_agree() -> None:
    verdict = decide([vote(1), vote(2), vote(3)], 3, 2, NOW)
    assert verdict["kind"] == {"Agreed": None}
    assert verdict["manifest"] == manifest([file()])
    assert verdict["jobs"] == ["run-1/build/1", "run-1/build/2", "run-1/build/3"]


def test_two_of_three_agree_and_the_third_is_not_among_the_jobs() -> None:
    verdict = decide([vote(1), vote(2, OTHER), vote(3)], 3, 2, NOW)
    assert verdict["kind"] == {"Agreed": None}
    assert verdict["jobs"] == ["run-1/build/1", "run-1/build/3"]
    assert verdict["reason"] == "2 of 3 operators agree (quorum 2)"


def test_two_executors_of_one_operator_are_one_vote() -> None:
    votes = [vote(1, operator="one"), vote(2, operator="one"), vote(3, OTHER)]
    assert kind_of(votes) == "Inconclusive"


def test_two_who_disagree_and_a_silent_third_are_inconclusive() -> None:
    assert kind_of([vote(1), vote(2, OTHER), vote(3, revealed=False)]) == "Inconclusive"
    assert kind_of([vote(1), vote(2, OTHER)]) == "Inconclusive"


def test_all_revealed_without_a_quorum_disagree() -> None:
    votes = [vote(1), vote(2, OTHER), vote(3, [file("b.wasm")])]
    verdict = decide(votes, 3, 2, NOW)
    assert verdict["kind"] == {"Disagreed": None}
    assert "3 different results" in verdict["reason"]


def test_equal_files_from_another_environment_do_not_agree() -> None:
    votes = [vote(1), vote(2, environment="f" * 64), vote(3, environment="d" * 64)]
    assert kind_of(votes) == "Disagreed"


def test_a_quorum_of_failures_fails_the_stage_with_the_most_common_reason() -> None:
    votes = [vote(1, failed="command"), vote(2, failed="timeout"), vote(3, failed="timeout")]
    verdict = decide(votes, 3, 2, NOW)
    assert verdict["kind"] == {"Failed": None}
    assert verdict["reason"].endswith("timeout")


def test_different_reasons_count_together_as_failures() -> None:
    assert kind_of([vote(1, failed="command"), vote(2, failed="timeout"), vote(3)]) == "Failed"


def test_one_failure_does_not_stop_two_who_agree() -> None:
    assert kind_of([vote(1, failed="command"), vote(2), vote(3)]) == "Agreed"


def test_two_results_that_both_reach_a_low_quorum_are_no_agreement() -> None:
    votes = [vote(1), vote(2), vote(3, OTHER), vote(4, OTHER)]
    verdict = decide(votes, 4, 2, NOW)
    assert verdict["kind"] == {"Disagreed": None}
    assert "above half" in verdict["reason"]
    assert kind_of([vote(1), vote(2, failed="command")], 2, 1) == "Disagreed"


def test_no_votes_at_all_are_inconclusive() -> None:
    assert kind_of([]) == "Inconclusive"


def test_a_dispute_names_the_files_that_differ_and_how() -> None:
    agreed = [file("a"), file("b"), file("c")]
    other = [file("a"), file("b", b"else"), file("d")]
    votes = [vote(1, agreed), vote(2, other), vote(3, agreed)]
    verdict = decide(votes, 3, 2, NOW)
    files = {manifest(agreed): agreed, manifest(other): other}
    (found,) = disputes(votes, verdict, files)
    assert found["operator"] == "op2"
    assert found["differing"] == ["b", "c", "d"]
    assert found["reason"] == ("3 files differ: b (other sha256), c (missing), d (extra)")


def test_a_dispute_about_the_environment_names_it() -> None:
    votes = [vote(1), vote(2), vote(3, environment="f" * 64)]
    (found,) = disputes(votes, decide(votes, 3, 2, NOW), {manifest([file()]): [file()]})
    assert found["reason"] == f"built in another environment ({'f' * 64})"
    assert found["differing"] == []


def test_a_minority_that_reports_a_failure_is_in_dispute_with_its_reason() -> None:
    votes = [vote(1), vote(2), vote(3, failed="disk")]
    (found,) = disputes(votes, decide(votes, 3, 2, NOW), {})
    assert found["reason"] == "reports that the stage failed: disk"


def test_a_silent_executor_is_not_in_dispute() -> None:
    votes = [vote(1), vote(2), vote(3, revealed=False)]
    assert disputes(votes, decide(votes, 3, 2, NOW), {}) == []


def test_without_agreement_the_first_result_is_what_others_are_compared_with() -> None:
    votes = [vote(1), vote(2, OTHER), vote(3, [file("b")])]
    files = {manifest(held): held for held in ([file()], OTHER, [file("b")])}
    found = disputes(votes, decide(votes, 3, 2, NOW), files)
    assert len(found) == 2
    assert all("app.wasm" in one["differing"] for one in found)


READ: CommitDescription = {"author": "Ada", "message": "One"}
INVENTED: CommitDescription = {"author": "Mallory", "message": "Another"}


def test_a_vote_without_a_description_agrees_with_one_that_has_it() -> None:
    votes = [vote(1), vote(2, described=READ), vote(3, OTHER)]
    verdict = decide(votes, 3, 2, NOW)
    assert verdict["kind"] == {"Agreed": None}
    assert verdict["jobs"] == ["run-1/build/1", "run-1/build/2"]
    assert verdict["commit_digest"] is None
    (found,) = disputes(votes, verdict, {})
    assert found["operator"] == "op3"
    assert "author" not in found["reason"]


def test_a_vote_without_a_description_is_not_in_dispute_about_it() -> None:
    votes = [vote(1, described=READ), vote(2, described=READ), vote(3)]
    verdict = decide(votes, 3, 2, NOW)
    assert verdict["commit_digest"] == commit_of(READ)
    assert len(verdict["jobs"]) == 3
    assert disputes(votes, verdict, {}) == []


def test_a_round_that_was_closed_before_names_no_vote_without_a_description() -> None:
    votes = [vote(1), vote(2, described=READ), vote(3, described=READ)]
    verdict = decide(votes, 3, 2, NOW)
    verdict["jobs"] = ["run-1/build/2", "run-1/build/3"]
    assert disputes(votes, verdict, {}) == []


def test_another_description_is_in_dispute_whoever_votes_without_one() -> None:
    votes = [vote(0), vote(1, described=READ), vote(2, described=READ), vote(3, described=INVENTED)]
    verdict = decide(votes, 4, 3, NOW)
    assert verdict["kind"] == {"Agreed": None}
    assert verdict["commit_digest"] is None
    (found,) = disputes(votes, verdict, {})
    assert found["operator"] == "op3"
    assert found["reason"] == "read another author or message from the commit"


def test_a_vote_without_a_description_does_not_decide_between_two() -> None:
    votes = [vote(1), vote(2, described=READ), vote(3, described=INVENTED)]
    assert kind_of(votes) == "Disagreed"


def test_a_very_long_list_of_differing_files_is_cut() -> None:
    many = [file(f"f{number:03}") for number in range(200)]
    votes = [vote(1, many), vote(2, many), vote(3, [])]
    files = {manifest(many): many, manifest([]): []}
    (found,) = disputes(votes, decide(votes, 3, 2, NOW), files)
    assert len(found["differing"]) == 64
    assert found["reason"].startswith("200 files differ: f000 (missing)")
    assert found["reason"].endswith("and 195 more")


def test_a_file_of_the_same_digest_and_another_size_differs() -> None:
    claimed = file()
    claimed["size"] = 7
    assert compare_files([file()], [claimed]) == [("app.wasm", "other sha256")]


RESULTS = st.sampled_from(["a", "b", "c", "failed:x", "failed:y", "silent"])


def votes_of(results: list[str], operators: list[int] | None = None) -> list[VoteRecord]:
    made = []
    for number, result in enumerate(results):
        operator = None if operators is None else f"op{operators[number]}"
        if result == "silent":
            made.append(vote(number, revealed=False, operator=operator))
        elif result.startswith("failed:"):
            made.append(vote(number, failed=result[7:], operator=operator))
        else:
            made.append(vote(number, [file(result)], operator=operator))
    return made


@given(st.lists(RESULTS, max_size=7), st.integers(1, 7), st.randoms())
def test_the_verdict_does_not_depend_on_the_order_of_the_votes(
    results: list[str], quorum: int, random: object
) -> None:
    votes = votes_of(results)
    shuffled = list(votes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    files = {manifest([file(name)]): [file(name)] for name in "abc"}
    first, second = decide(votes, 7, quorum, NOW), decide(shuffled, 7, quorum, NOW)
    assert first == second
    assert disputes(votes, first, files) == disputes(shuffled, second, files)


@given(st.lists(st.tuples(RESULTS, st.integers(0, 3)), max_size=8), st.integers(1, 5))
def test_agreement_needs_a_quorum_of_different_operators(
    cast: list[tuple[str, int]], quorum: int
) -> None:
    votes = votes_of([result for result, _ in cast], [operator for _, operator in cast])
    verdict = decide(votes, 8, quorum, NOW)
    if "Agreed" in verdict["kind"]:
        agreeing = [one for one in votes if one["job"] in verdict["jobs"]]
        assert len({one["operator"] for one in agreeing}) >= quorum
        assert {one["manifest"] for one in agreeing} == {verdict["manifest"]}
        assert {one["environment"] for one in agreeing} == {verdict["environment"]}


@given(st.integers(1, 13), st.lists(RESULTS, max_size=6))
def test_a_dishonest_minority_never_changes_the_agreed_bytes(
    honest: int, dishonest: list[str]
) -> None:
    replicas = honest + len(dishonest)
    quorum = replicas // 2 + 1
    votes = votes_of(["a"] * honest + dishonest)
    verdict = decide(votes, replicas, quorum, NOW)
    if honest >= quorum:
        assert verdict["kind"] == {"Agreed": None}
    if "Agreed" in verdict["kind"] and honest > len(dishonest):
        assert verdict["manifest"] == samples.manifest([file("a")])
