"""Texts that differ look different, and those of languages stay readable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.visible import shown


def escape(character: str) -> str:
    return f"<{ord(character):x}>"


@pytest.mark.parametrize(
    "text",
    [
        "naïve Übergröße, ça ; € ✓ → “quoted” — 50 °C",
        "Tiếng Việt",
        "漢字かなカタカナﾊﾟ。한국어",
        "मेरा हिन्दी पाठ",
        "தமிழ் বাংলা ไม่ได้",
        "မြို့ ကြောင်း",
        "ខ្មែរ ក្រុំ",
        "སྒྲིབ་པ",
        "שָׁלוֹם العَرَبِيَّة",
        "q\u0323\u0301",
        "🚀 ⚠ \ufffd",
    ],
)
def test_what_languages_are_written_in_stays(text: str) -> None:
    assert shown(text, escape) == text


@pytest.mark.parametrize(
    ("character", "why"),
    [
        *[(chr(code), "variation selector") for code in (0xFE00, 0xFE0F, 0xE0100, 0xE01EF)],
        *[(chr(code), "filler") for code in (0x115F, 0x1160, 0x3164, 0xFFA0, 0x16FE4)],
        *[(chr(code), "joiner") for code in (0x34F, 0x200C, 0x200D, 0x2D7F, 0x1107F)],
        *[(chr(code), "zero width") for code in (0x200B, 0x2060, 0xFEFF, 0xAD, 0x17B4, 0x17B5)],
        *[(chr(code), "Mongolian") for code in (0x180B, 0x180C, 0x180D, 0x180E, 0x180F)],
        *[(chr(code), "blank") for code in (0xA0, 0x1680, 0x2003, 0x202F, 0x205F, 0x2800, 0x3000)],
        *[(chr(code), "bidi") for code in (0x61C, 0x200E, 0x202E, 0x2066, 0x2069)],
        *[(chr(code), "control") for code in (0, 7, 8, 9, 10, 13, 0x1B, 0x7F, 0x9B, 0x2028)],
        *[(chr(code), "of no use") for code in (0xD800, 0xE000, 0x378, 0xFFFC, 0x10FFFF)],
        *[(chr(code), "tag") for code in (0xE0001, 0xE0041, 0xE007F)],
        ("\U0001d159", "a note without a head"),
        ("\u212b", "equal to a letter with a ring"),
        ("\uf900", "equal to an ideograph"),
    ],
)
def test_what_has_no_ink_or_an_equal_is_escaped(character: str, why: str) -> None:
    for before, after in (("", ""), ("ok", "ok"), ("字", "字"), ('"', '"'), (" ", " ")):
        assert shown(before + character + after, escape) == before + escape(character) + after, why


@pytest.mark.parametrize("before", ["", " ", '"', "=", "5", "(", "\n", "✓", "\u200b", "=\u0301"])
def test_a_mark_stands_on_letters_alone(before: str) -> None:
    assert shown(f"{before}\u0301", escape).endswith("<301>")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("e\u0301", "e<301>"),  # equal to U+00E9
        ("q\u0301\u0323", "q\u0301<323>"),  # equal to the same in the other order
        ("q\u0301\u0301", "q\u0301<301>"),  # drawn over itself
        ("q\u0323\u0301\u0308", "q\u0323\u0301<308>"),
        ("q\u0323\u0301\u0308\u0302x", "q\u0323\u0301<308><302>x"),
        ("a\u0336", "a<336>"),  # struck through
        ("x\u20dd", "x<20dd>"),
        ("x\u17d2", "x<17d2>"),  # a mark of Khmer on a letter of Latin
        ("x\u093f", "x<93f>"),
        ("\u1112\u1161\u11ab", "\u1112<1161>\u11ab"),
    ],
)
def test_marks_that_languages_do_not_write_so_are_escaped(text: str, told: str) -> None:
    assert shown(text, escape) == told


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_nothing_is_left_that_has_an_equal(text: str) -> None:
    left = shown(text, escape)
    for character in left:
        assert character.isprintable()
        assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        assert unicodedata.category(character) != "Zs" or character == " "
        assert unicodedata.normalize("NFC", character) == character
    assert shown(left, escape) == left


def test_logs_keep_the_style_of_symbols_and_nothing_else() -> None:
    assert shown("⚠\ufe0f ✔\ufe0e", escape, emoji=True) == "⚠\ufe0f ✔\ufe0e"
    for text in ("⚠\ufe0f\ufe0f", "a\ufe0f", "字\ufe0f", " \ufe0f", "⚠\ufe01", "\ufe0f"):
        assert "<fe0" in shown(text, escape, emoji=True), text
