"""Tests whose outcome differs between operators: named, decided on, never blamed on the commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from canisters.verification.rounds import rules
from canisters.verification.rounds.flaky import flaky_tests, report_problem
from canisters.verification.rounds.verdicts import decide
from shared.rules.limits import MAX_REPORTED_TESTS
from tests.canisters.verification.verification_installation import Installation
from tests.canisters.verification.verification_samples import NOW, reveal_input, round_input, vote

if TYPE_CHECKING:
    from canisters.verification.records import VoteRecord
    from shared.types.attestation import TestReport

REPORTS: dict[str, TestReport] = {}


def report(*failed: str, ran: int = 10) -> TestReport:
    return {
        "ran": ran,
        "skipped": 0,
        "failed_count": len(failed),
        "failed": sorted(failed),
    }


def told(number: int, *failed: str, ended: str | None = None) -> VoteRecord:
    """A vote whose tests failed by these names; `ended` is the failure, `command` by itself."""
    said = report(*failed)
    made = vote(number, failed=ended or ("command" if failed else None))
    made["tests_digest"] = rules.tests_of(said)
    REPORTS[rules.tests_of(said)] = said
    return made


def verdict(*votes: VoteRecord, fails: bool = False, replicas: int = 3) -> Any:
    return decide(list(votes), replicas, 2, NOW, REPORTS.get, fails)


def test_a_test_that_fails_at_one_operator_is_named_and_the_quorum_agrees() -> None:
    votes = [told(1), told(2, "a::clock"), told(3)]
    found = flaky_tests(votes, REPORTS.get)
    assert found == [{"test": "a::clock", "failed": ["op2"], "passed": ["op1", "op3"]}]
    ended = verdict(*votes)
    assert ended["kind"] == {"Agreed": None}
    assert "flaky tests: a::clock (failed at op2)" in ended["reason"]


def test_a_pipeline_may_refuse_flaky_tests() -> None:
    ended = verdict(told(1), told(2, "a::clock"), told(3), fails=True)
    assert ended["kind"] == {"Disagreed": None}
    assert "flaky: fail" in ended["reason"]
    assert "a::clock (failed at op2)" in ended["reason"]


@pytest.mark.parametrize("fails", [False, True])
def test_failures_that_rest_on_flaky_tests_alone_blame_no_commit(fails: bool) -> None:
    ended = verdict(told(1, "a::clock"), told(2, "b::port"), told(3), fails=fails)
    assert ended["kind"] == {"Disagreed": None}
    assert "the commit is not blamed" in ended["reason"]


def test_a_test_that_fails_everywhere_blames_the_commit_whatever_else_is_flaky() -> None:
    ended = verdict(told(1, "a::adds"), told(2, "a::adds", "b::port"), told(3, "a::adds"))
    assert ended["kind"] == {"Failed": None}
    assert "flaky tests: b::port (failed at op2)" in ended["reason"]


def test_a_limit_that_was_hit_is_no_flaky_test() -> None:
    votes = [told(1, "x", ended="time_limit"), told(2, "y", ended="time_limit"), told(3)]
    assert verdict(*votes)["kind"] == {"Failed": None}


def test_an_operator_without_a_report_is_no_sample() -> None:
    assert flaky_tests([vote(1), told(2, "a"), vote(3)], REPORTS.get) == []


def test_a_report_that_names_not_all_says_nothing_of_the_others() -> None:
    names = [f"t{number:03}" for number in range(MAX_REPORTED_TESTS)]
    long = {**report(*names), "failed_count": MAX_REPORTED_TESTS + 1, "ran": 500}
    cut = vote(1, failed="command")
    cut["tests_digest"] = rules.tests_of(long)  # type: ignore[arg-type]  # a TypedDict
    reports = {**REPORTS, cut["tests_digest"]: long}
    found = flaky_tests([cut, told(2, "u")], lambda digest: reports.get(digest))  # type: ignore[arg-type]
    assert found == []


def test_a_report_that_cannot_be_is_refused() -> None:
    good = report("a", "b")
    assert report_problem(good) is None
    for change in (
        {"failed": ["b", "a"]},
        {"failed": ["a", "a"]},
        {"failed": ["a"]},
        {"failed": ["a", "b\n"]},
        {"failed": ["", "b"]},
        {"failed": ["a", "b" * 201]},
        {"failed_count": 11},
        {"ran": 1},
    ):
        assert report_problem({**good, **change}) is not None, change  # type: ignore[typeddict-item]


def test_a_round_says_what_each_operator_s_tests_said() -> None:
    canary = Installation()
    opening = {**round_input(), "flaky": {"Tolerate": None}}
    assert canary.told("open_round", opening) == {"Ok": None}
    given = {
        1: reveal_input(1, tests=report()),
        2: reveal_input(2, failed="command", tests=report("a::clock")),
        3: reveal_input(3, tests=report()),
    }
    canary.commit_all(given)
    for number, one in given.items():
        assert canary.reveal(one, number) == {"Ok": None}
    (notice,) = canary.notices()
    flaky = [{"test": "a::clock", "failed": ["op2"], "passed": ["op1", "op3"]}]
    assert notice["verdict"]["kind"] == {"Agreed": None}
    assert notice["verdict"]["flaky_tests"] == flaky
    round = canary.round()
    assert round["verdict"] == notice["verdict"]
    assert [one["tests"]["failed"] for one in round["votes"]] == [[], ["a::clock"], []]


def test_a_report_that_was_not_committed_to_is_refused() -> None:
    canary = Installation()
    canary.open()
    canary.commit_all({number: reveal_input(number, tests=report()) for number in (1, 2, 3)})
    forged = reveal_input(1, tests=report("a::clock"))
    assert "does not match" in canary.reveal(forged, 1)["Err"]["Invalid"]
    assert "does not match" in canary.reveal(reveal_input(1), 1)["Err"]["Invalid"]


def test_thirteen_reports_of_the_largest_size_fit() -> None:
    canary = Installation()
    canary.open(13, 7)
    names = [f"{n:03}" + "\N{SNOWMAN}" * 65 for n in range(MAX_REPORTED_TESTS)]
    given = {
        number: reveal_input(number, failed="command", tests=report(*names, ran=1_000 + number))
        for number in range(1, 14)
    }
    canary.commit_all(given)
    for number, one in given.items():
        assert canary.reveal(one, number) == {"Ok": None}
    (notice,) = canary.notices()
    assert notice["verdict"]["kind"] == {"Failed": None}
