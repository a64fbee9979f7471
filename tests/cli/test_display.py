"""Strangers' text cannot act on the terminal of those who read it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.cli.display import harmless, harmless_lines, harmless_log, quoted

# What a terminal or a bidirectional renderer acts on, and what nobody sees.
ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("feature\x9b31m", r"feature\x9b31m"),
        ("main\u202egnp.exe", r"main\u202egnp.exe"),
        ("a\u2066b\u2069", r"a\u2066b\u2069"),
        ("ma\u200bin\ufeff", r"ma\u200bin\ufeff"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("two\nlines\r\tand\x00", r"two\nlines\r\tand\x00"),
        ("naïve 漢字 ✓", "naïve 漢字 ✓"),
    ],
)
def test_what_acts_is_shown_as_its_escape(given: str, shown: str) -> None:
    assert harmless(given) == shown


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_nothing_that_acts_is_left_in_a_line(text: str) -> None:
    left = {c for c in harmless(text) if unicodedata.category(c) in ACTING}
    # Signs of Arabic and other scripts are visible although their category is Cf.
    assert {c for c in left if not c.isprintable() and not _visible(c)} == set()


def _visible(character: str) -> bool:
    return unicodedata.name(character, "").startswith(
        ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN", "SHORTHAND")
    )


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_lines_keep_their_ends_and_tabs_and_nothing_else(text: str) -> None:
    kept = harmless_lines(text)
    assert {c for c in kept if ord(c) < 32} <= {"\n", "\t"}
    assert not any(0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in kept)


def test_a_line_of_windows_ends_as_any_other() -> None:
    assert harmless_lines("a\r\nb\rc") == "a\nb\\rc"


def test_what_is_harmless_stays_so() -> None:
    assert harmless(harmless("\x1b[2J")) == harmless("\x1b[2J")


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_what_is_harmless_stays_so_whatever_it_is(text: str) -> None:
    for made in (harmless, harmless_lines, harmless_log):
        assert made(made(text)) == made(text)


def test_a_text_in_quotes_ends_where_it_ends() -> None:
    assert quoted('a", "b\n\ufe01\\') == r'"a\", \"b\n\ufe01\\"'
