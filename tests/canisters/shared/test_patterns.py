"""Ref names and trigger patterns."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules.patterns import (
    matches,
    path_pattern_problem,
    pattern_problem,
    ref_name_problem,
    takes,
)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("main", "main", True),
        ("main", "mainx", False),
        ("main", "xmain", False),
        ("*", "main", True),
        ("*", "a/b", False),
        ("**", "a/b/c", True),
        ("release/*", "release/1", True),
        ("release/*", "release/1/x", False),
        ("release/*", "release/", True),
        ("release/**", "release/1/x", True),
        ("**/x", "a/b/x", True),
        ("v?.?", "v1.2", True),
        ("v?.?", "v1.22", False),
        ("a?b", "a/b", False),
        ("*-*", "a-b-c", True),
        ("****", "a/b", True),
        ("", "", True),
        ("", "a", False),
        ("v[1]", "v1", False),
    ],
)
def test_a_pattern_matches_like_a_shell_path(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_without_slashes_patterns_mean_what_fnmatch_means(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)


@given(st.text("ab/*", max_size=8), st.text("ab/", max_size=8))
def test_a_star_never_matches_more_than_two_stars(pattern: str, name: str) -> None:
    if matches(pattern, name):
        assert matches(pattern.replace("*", "**"), name)


@given(st.text("abc/-.", min_size=1, max_size=30))
def test_every_name_matches_itself_and_two_stars(name: str) -> None:
    assert matches(name, name)
    assert matches("**", name)


def test_a_hostile_pattern_takes_no_exponential_time() -> None:
    assert not matches("*a" * 100, "a" * 199 + "b")
    assert not matches("**a" * 66, "a/" * 99 + "b")


def test_an_empty_list_of_patterns_matches_nothing() -> None:
    assert not takes([], "main")
    assert takes(["x", "m*"], "main")


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        (["release/**", "!release/**-alpha"], "release/1", True),
        (["release/**", "!release/**-alpha"], "release/1-alpha", False),
        (["**", "!main", "mai?"], "main", True),
        (["!main", "**"], "main", True),
        (["!main"], "other", False),
        (["docs/**", "!docs/**/*.md"], "docs/a/b.md", False),
        (["docs/**", "!docs/**/*.md"], "docs/a/b.svg", True),
    ],
)
def test_the_last_pattern_that_matches_decides(
    patterns: list[str], name: str, expected: bool
) -> None:
    assert takes(patterns, name) is expected


@given(st.lists(st.text("!ab*/", min_size=1, max_size=5), max_size=5), st.text("ab/", max_size=5))
def test_of_a_list_the_last_match_decides_whatever_is_looked_at(
    patterns: list[str], name: str
) -> None:
    matching = [each for each in patterns if matches(each.removeprefix("!"), name)]
    assert takes(patterns, name) == bool(matching and not matching[-1].startswith("!"))


@pytest.mark.parametrize("pattern", ["/docs", "docs/", "", "a\nb", "x" * 201])
def test_patterns_of_no_path_are_refused(pattern: str) -> None:
    assert path_pattern_problem(pattern) is not None
    assert path_pattern_problem("docs/**") is None


@pytest.mark.parametrize("name", ["main", "feature/x", "v1.0", "a-b_c", "ünïcode", "a@b", "!x"])
def test_names_that_git_allows_are_allowed(name: str) -> None:
    assert ref_name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "a..b",
        "a.",
        "@",
        "a@{b",
        "a b",
        "a~b",
        "a^b",
        "a:b",
        "a?b",
        "a*b",
        "a[b",
        "a\\b",
        "a\x7fb",
        "a\nb",
        "\ud800",
        "x" * 201,
    ],
)
def test_names_that_git_forbids_are_refused(name: str) -> None:
    assert ref_name_problem(name) is not None


@pytest.mark.parametrize("pattern", ["main", "*", "**", "release/*", "v?.*", "**/x"])
def test_usable_patterns_have_no_problem(pattern: str) -> None:
    assert pattern_problem(pattern) is None


@pytest.mark.parametrize("pattern", ["", "a b", "v[12]", "/main", "x" * 201])
def test_patterns_that_can_match_no_ref_are_refused(pattern: str) -> None:
    assert pattern_problem(pattern) is not None
