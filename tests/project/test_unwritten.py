"""Errors of a pipeline that is not written name no lines of it."""

from __future__ import annotations

from dcanary.pipeline import FieldError
from dcanary.project.unwritten import unwritten

LOCKS = "stages.packages.locks[0]"


def error(field: str, message: str) -> FieldError:
    """An error at some place of the file."""
    return FieldError("dcanary.yml", 35, 9, field, message)


def test_an_error_of_a_value_has_its_field_and_no_line() -> None:
    said = unwritten("kybra", [error("name", "must be lower-case"), error("", "is too large")])
    assert said == (
        "the template kybra gives no pipeline with these values: name: must be lower-case\n"
        "is too large"
    )


def test_problems_with_one_remedy_are_counted_and_the_first_line_is_the_lowest() -> None:
    lines = (12, 8, 100)
    problems = [error(LOCKS, f"a.lock line {one}: p{one} has no hash: again") for one in lines]
    rest = error(LOCKS, ": and 300 more problems: solve those above first")
    first = "the first, line 8: p8 has no hash\n  again"
    assert unwritten("x", problems) == f"a.lock: 3 packages cannot be fetched; {first}"
    assert unwritten("x", [*problems, rest]) == f"a.lock: 303 packages cannot be fetched; {first}"
    assert unwritten("x", problems[:1]) == "a.lock line 12: p12 has no hash\n  again"


def test_a_lock_of_two_stages_is_told_once_and_one_of_no_known_form_whole() -> None:
    twice = [error(f"stages.{one}.locks[0]", "a.lock: is not there: add it") for one in "ab"]
    unknown = error(LOCKS, "x.txt is no lock file that is known")
    assert unwritten("x", [*twice, unknown]) == (
        "x.txt is no lock file that is known\na.lock: is not there\n  add it"
    )
