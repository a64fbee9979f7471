"""What of a stranger's text may be shown as it is: the one rule for all that is printed for people.

Two texts that differ must not look the same, and no text may act on the terminal. So these are
shown as escapes:

- controls, formats, lone surrogates, private and unassigned characters, separators, and every
  blank but the space of ASCII;
- what is printable by its category, but without any ink: variation selectors, fillers, joiners;
- combining marks, unless they are written as languages write them: after a letter of their script,
  in the normal form NFC, at most two that belong to all scripts, and four in all;
- letters that Unicode holds equal to others (the Ohm sign, compatibility ideographs, jamo that make
  a syllable of Hangul): only what NFC makes of them is shown.

Letters that merely resemble those of another script stay: they are what languages are written in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

# Default_Ignorable_Code_Point, and blanks, whose category is that of a letter, symbol or mark.
# Source: Unicode Character Database, DerivedCoreProperties.txt; charts of the blanks.
_WITHOUT_INK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u2d7f\u3164\ufe00-\ufe0f\uffa0"
    "\ufff0-\ufffc\U0001107f\U00013441\U00013442\U00016fe4\U0001d159\U000e0000-\U000e0fff]"
)
_NOT_PLAIN = re.compile("[^ -~]+")
_EMOJI_STYLE = "\ufe0e\ufe0f"
_ANY_SCRIPT = "COMBINING"
"""How the names of marks begin that belong to no script."""
MAX_SHARED_MARKS = 2
"""Vietnamese needs two, such as those of U+1EC7; more are drawn over neighbouring lines."""
MAX_MARKS = 4
"""Syllables of Burmese and Tibetan have up to four marks of their scripts."""
_OVERLAY = 1
"""The combining class of strokes through a letter."""


def shown(text: str, escape: Callable[[str], str], keep: str = "", emoji: bool = False) -> str:
    """`text` with the escape of each character that is not shown as it is, other than `keep`.

    `emoji` keeps a variation selector after a symbol, which has no ink: for logs alone, which
    people do not decide on.
    """

    def of_run(found: re.Match[str]) -> str:
        start = found.start()
        return _run(found[0], text[start - 1] if start else "", escape, keep, emoji)

    return _NOT_PLAIN.sub(of_run, text)


def _run(run: str, before: str, escape: Callable[[str], str], keep: str, emoji: bool) -> str:
    """A run of characters outside of printable ASCII; `before` is the one in front of it."""
    made = []
    # What a mark would stand on: a letter and the marks that it has already.
    cluster = before if before.isalpha() else ""
    for character in run:
        if character in keep:
            stays, cluster = True, ""
        elif emoji and character in _EMOJI_STYLE:
            stays, cluster = _is_symbol(before), ""
        elif unicodedata.category(character).startswith("M"):
            stays = _mark_stays(cluster, character)
            cluster = cluster + character if stays else ""
        else:
            stays = _has_ink(character) and _is_normal(cluster + character)
            cluster = character if stays and character.isalpha() else ""
        made.append(character if stays else escape(character))
        before = character
    return "".join(made)


@lru_cache(maxsize=4096)
def _has_ink(character: str) -> bool:
    return character.isprintable() and not _WITHOUT_INK.match(character)


def _is_symbol(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character) in ("So", "Sm", "Po")


def _is_normal(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """The first word of a character's name, which is that of its script."""
    return unicodedata.name(character, "").partition(" ")[0]


def _mark_stays(cluster: str, mark: str) -> bool:
    """Whether a mark may stand on a letter with its marks (empty: on anything else)."""
    if not cluster or len(cluster) > MAX_MARKS or mark == cluster[-1] or not _has_ink(mark):
        return False
    if unicodedata.category(mark) == "Me" or unicodedata.combining(mark) == _OVERLAY:
        return False
    script = _script(mark)
    if script == _ANY_SCRIPT:
        if sum(_script(each) == _ANY_SCRIPT for each in cluster) >= MAX_SHARED_MARKS:
            return False
    elif script != _script(cluster[0]):
        return False
    return _is_normal(cluster + mark)
