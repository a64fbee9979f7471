"""What the tests of a stage said is read from an untrusted file."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.verification.rounds.flaky import report_problem
from dcanary.executor import reports
from dcanary.executor.logs import LogBuffer
from dcanary.executor.reports import TestReport, parse_report, read_report
from dcanary.executor.sandbox.model import ArtifactError
from shared.rules import limits

JUNIT = b"""<?xml version="1.0"?>
<testsuites>
  <testsuite name="pytest">
    <testcase classname="tests.a" name="adds"/>
    <testcase classname="tests.a" name="divides"><failure message="no">0</failure></testcase>
    <testcase classname="tests.a" name="later"><skipped/></testcase>
    <testcase name="alone"><error/></testcase>
    <testcase classname="tests.a" name="prints"><system-out>failure</system-out></testcase>
  </testsuite>
</testsuites>"""


def test_counts_and_names_of_failed_tests_are_read() -> None:
    assert parse_report(JUNIT, "junit.xml") == TestReport(4, 1, 2, ("alone", "tests.a::divides"))


def test_a_name_that_comes_twice_failed_when_it_failed_once() -> None:
    twice = b"<testsuite><testcase name='a'><failure/></testcase><testcase name='a'/></testsuite>"
    assert parse_report(twice, "r.xml") == TestReport(1, 0, 1, ("a",))


def test_names_become_one_line_of_visible_characters() -> None:
    odd = "<testsuite><testcase name='a&#10;b\u202e'><error/></testcase></testsuite>".encode()
    assert parse_report(odd, "r.xml").failed == ("a?b?",)


def test_long_names_and_many_of_them_are_cut() -> None:
    case = "<testcase name='{:05}{}'><failure/></testcase>"
    many = "".join(case.format(n, "\N{SNOWMAN}" * 100) for n in range(150))
    report = parse_report(f"<testsuite>{many}</testsuite>".encode(), "r.xml")
    assert (report.failed_count, len(report.failed)) == (150, reports.MAX_REPORTED_TESTS)
    assert max(len(name.encode()) for name in report.failed) <= reports.MAX_TEST_NAME_BYTES


def failing(*names: str) -> bytes:
    cases = "".join(f"<testcase name='{name}'><failure/></testcase>" for name in names)
    return f"<testsuite>{cases}</testsuite>".encode()


def problem(report: TestReport) -> str | None:
    """What verification has against it."""
    return report_problem(
        {
            "ran": report.ran,
            "skipped": report.skipped,
            "failed_count": report.failed_count,
            "failed": list(report.failed),
        }
    )


@pytest.mark.parametrize(
    ("secrets", "names", "masked"),
    [
        # The mask changes the order of names.
        (["zebra-secret"], ["in[anonymous]", "in[zebra-secret]"], ["in[***]", "in[anonymous]"]),
        # Two names become one.
        (["zebra-secret", "zebra-other!"], ["in[zebra-secret]", "in[zebra-other!]"], ["in[***]"]),
        # The mask is longer than what it hides.
        (["z"], ["z" * 150], [("***" * 150)[: reports.MAX_TEST_NAME_BYTES]]),
        # What is cut off, and what is shown as `?`, is a part of the secret.
        (["zebra-secret"], ["x" * 192 + "zebra-secret"], ["x" * 192 + "***"]),
        (["zebra\u202esecret"], ["in[zebra\u202esecret]"], ["in[***]"]),
    ],
)
def test_verification_takes_what_is_left_of_names_with_secrets(
    secrets: list[str], names: list[str], masked: list[str]
) -> None:
    report = parse_report(failing(*names), "r.xml", LogBuffer(secrets, 1000).masked)
    assert list(report.failed) == masked
    assert problem(report) is None


def test_of_more_names_than_are_reported_the_masked_ones_are_counted() -> None:
    names = [f"in[{n:04}]" for n in range(150)] + [f"in[zebra-secret{n}]" for n in range(2)]
    secrets = ["zebra-secret0", "zebra-secret1"]
    report = parse_report(failing(*names), "r.xml", LogBuffer(secrets, 1000).masked)
    assert (report.ran, report.failed_count, report.failed[0]) == (152, 151, "in[***]")
    assert len(report.failed) == reports.MAX_REPORTED_TESTS
    assert problem(report) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no element found"),
        (b"ok 1", "syntax error"),
        (b"<html/>", "begins with <html>"),
        (JUNIT[: JUNIT.index(b"<testcase")], "no element found"),
        (b"<testsuite>" * 40 + b"</testsuite>" * 40, "nested deeper"),
        (b"<!DOCTYPE x [<!ENTITY a 'aa'>]><testsuite>&a;</testsuite>", "entities"),
        (
            b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><testsuite>&a;</testsuite>",
            "entities",
        ),
        (b"<testsuite>\xff</testsuite>", "not well-formed"),
    ],
)
def test_what_is_no_report_fails_the_stage_and_names_the_file(content: bytes, why: str) -> None:
    with pytest.raises(ArtifactError, match=r"^report out/r\.xml: not JUnit XML: ") as caught:
        parse_report(content, "out/r.xml")
    assert why in str(caught.value)


@given(st.binary(max_size=200))
def test_no_file_ends_the_executor(content: bytes) -> None:
    with contextlib.suppress(ArtifactError):
        parse_report(b"<testsuite>" + content + b"</testsuite>", "r.xml")


def test_a_report_is_read_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "real.xml").write_bytes(JUNIT)
    (tmp_path / "link.xml").symlink_to("real.xml")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert read_report(folder, "real.xml").ran == 4
        with pytest.raises(ArtifactError, match="symbolic link"):
            read_report(folder, "link.xml")
        with pytest.raises(ArtifactError, match="No such file"):
            read_report(folder, "missing.xml")
    finally:
        os.close(folder)


def test_the_limits_are_those_of_the_canisters() -> None:
    assert reports.MAX_REPORTED_TESTS == limits.MAX_REPORTED_TESTS
    assert reports.MAX_TEST_NAME_BYTES == limits.MAX_TEST_NAME_BYTES
