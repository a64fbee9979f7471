"""Tests that fail at some operators and not at others. Pure rules.

The operators of a round are as many samples of one commit: what differs between them is the test,
not the commit.
"""

from typing import TYPE_CHECKING

from canisters.verification.rounds.counting import counted, failure_of
from shared.rules.limits import MAX_REPORTED_TESTS, MAX_TEST_NAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from canisters.verification.records import VoteRecord
    from shared.types.attestation import FlakyTest, TestReport

COMMAND = "command"
"""The failure of a stage whose command ended with another exit code than 0."""
MAX_FLAKY_TESTS = 50
NAMES_IN_A_SENTENCE = 5


def no_report(digest: str) -> "TestReport | None":
    """For rounds whose stages report no tests."""
    return None


def report_problem(report: "TestReport") -> "str | None":
    """Why this cannot be a report of tests, or None."""
    failed = report["failed"]
    if len(failed) > MAX_REPORTED_TESTS:
        return f"{len(failed)} names: at most {MAX_REPORTED_TESTS} (MAX_REPORTED_TESTS)"
    for name in failed:
        if not 0 < len(name.encode()) <= MAX_TEST_NAME_BYTES or not name.isprintable():
            return f"a name is not 1 to {MAX_TEST_NAME_BYTES} bytes of visible characters"
    if sorted(set(failed)) != failed:
        return "the names are not sorted, or one is there twice"
    if report["failed_count"] < len(failed) or report["failed_count"] > report["ran"]:
        return "failed_count is not between the number of names and the number of tests that ran"
    if len(failed) < MAX_REPORTED_TESTS and report["failed_count"] != len(failed):
        return "names of failed tests are missing"
    return None


def flaky_tests(
    votes: "list[VoteRecord]", report_of: "Callable[[str], TestReport | None]"
) -> "list[FlakyTest]":
    """The tests whose outcome differs between operators, sorted by name; MAX_FLAKY_TESTS of them.

    An operator whose report names not all that failed says nothing about the others.
    """
    failed: dict[str, list[str]] = {}
    complete: list[tuple[str, set[str]]] = []
    for vote in counted(votes):
        report = report_of(vote["tests_digest"]) if vote["tests_digest"] else None
        if report is None or report["ran"] == 0:
            continue
        for name in report["failed"]:
            failed.setdefault(name, []).append(vote["operator"])
        if report["failed_count"] == len(report["failed"]):
            complete.append((vote["operator"], set(report["failed"])))
    found: list[FlakyTest] = []
    for name in sorted(failed):
        passed = sorted(operator for operator, names in complete if name not in names)
        if passed and len(found) < MAX_FLAKY_TESTS:
            found.append({"test": name, "failed": sorted(failed[name]), "passed": passed})
    return found


def fails_by_flaky_tests(
    vote: "VoteRecord",
    flaky: "list[FlakyTest]",
    report_of: "Callable[[str], TestReport | None]",
) -> bool:
    """Whether a vote for failure rests on tests alone, each of which passes elsewhere."""
    report = report_of(vote["tests_digest"]) if vote["tests_digest"] else None
    if failure_of(vote) != COMMAND or report is None or not report["failed"]:
        return False
    names = {one["test"] for one in flaky}
    complete = report["failed_count"] == len(report["failed"])
    return complete and all(name in names for name in report["failed"])


def sentence(flaky: "list[FlakyTest]") -> str:
    """Which tests are flaky, and where they failed."""
    named = [
        f"{one['test']} (failed at {', '.join(one['failed'])})"
        for one in flaky[:NAMES_IN_A_SENTENCE]
    ]
    more = len(flaky) - NAMES_IN_A_SENTENCE
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")
