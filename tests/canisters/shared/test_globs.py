"""Patterns of paths as globset matches them, which the SDK uses, with its default options."""

from __future__ import annotations

import time

import pytest

from shared.rules.globs import MAX_FORMS, Glob, GlobError


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/a/**/*", "/a/x /a/b/x /a/b/c.d/.x", "/a /b/x /ab/x"),
        ("/a/*", "/a/x /a/b/x /a/", "/a /ab"),
        ("/a/*.js", "/a/x.js /a/b/x.js /a/.js", "/a/x.jsx /a/js"),
        ("/a/**", "/a/x /a/b/x /a/", "/a /ab/x"),
        ("/a/**/b", "/a/b /a/x/b /a/x/y/b", "/a/xb /ab"),
        ("/a/b**c", "/a/bc /a/b/x/c", "/a/b"),
        ("/a/**/**/b", "/a/b /a/x/y/b", "/a/xb"),
        ("/a/?.js", "/a/x.js /a//.js", "/a/xy.js /a/.js"),
        ("/a/*.{js,css}", "/a/x.js /a/b.css", "/a/x.html /a/x.{js,css}"),
        ("/a/{b,c/{d,e}}/x", "/a/b/x /a/c/d/x /a/c/e/x", "/a/c/x"),
        ("/a/x{,.gz}", "/a/x.gz", "/a/x"),
        ("/a/{**/b,c}", "/a/b /a/x/b /a/c", "/a/x/c"),
        ("/a/[a-c!].x", "/a/b.x /a/!.x", "/a/d.x"),
        ("/a/[!a-c]", "/a/d /a//", "/a/b"),
        ("/a/[^a-c]", "/a/d", "/a/b"),
        ("/a/[]-]", "/a/] /a/-", "/a/x"),
        ("/a/[a-]", "/a/a /a/-", "/a/b"),
        (r"/a/\*\{", "/a/*{", "/a/x{"),
        (r"/a/[\]", "/a/\\", "/a/x"),
        ("/a/b,c", "/a/b,c", "/a/b"),
        ("**", "a /a/b", ""),
        ("**/b", "b /b a/b /x/y/b", "xb"),
        ("/a/", "/a/", "/a /a/x"),
        ("", "", "a"),
        ("/é*ü", "/éü /é/x/ü", "/eu"),
    ],
)
def test_patterns_match_what_they_do_in_the_sdk(pattern: str, yes: str, no: str) -> None:
    glob = Glob(pattern)
    assert [path for path in yes.split() if not glob.matches(path)] == []
    assert [path for path in no.split() if glob.matches(path)] == []
    assert glob.matches("") == (pattern in ("", "**"))


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("/a/[b", "a [ without its ]"),
        ("/a/[]", "a [ without its ]"),
        ("/a/[c-a]", "the range c-a"),
        ("/a/{b", "a { without its }"),
        ("/a/b}", "a } without its {"),
        ("/a/\\", "a \\ at its end"),
        ("/{a,b}" * 7, f"more than {MAX_FORMS} ways through its alternatives"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(GlobError) as refused:
        Glob(pattern)
    assert str(refused.value) == why


def test_no_pattern_takes_long_to_match() -> None:
    glob = Glob("/" + "*a" * 200 + "b")
    begun = time.monotonic()
    assert not glob.matches("/" + "a" * 500)
    assert time.monotonic() - begun < 0.5
