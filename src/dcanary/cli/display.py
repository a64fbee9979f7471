"""Text of strangers, made harmless for a terminal: branch names, logs, reasons, manifest paths.

What could move the cursor, recolour, reorder or hide other text is shown as its escape, such as
`\\x1b` or `\\u202e`. Everything that the output layer prints for people passes through here;
`--json` escapes by itself and stays exact.
"""

from __future__ import annotations

import re

# C0 and C1 controls, separators of lines, lone surrogates, and all that is invisible by itself:
# the Unicode property Default_Ignorable_Code_Point (bidirectional controls, zero-width characters,
# fillers, tags, variation selectors) and the interlinear annotation marks.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_EMOJI_STYLE = "\ufe00-\ufe0f"
_CONTROLS = "\x00-\x1f\x7f-\x9f\ud800-\udfff"
_IN_LINE = re.compile(f"[{_CONTROLS}{_INVISIBLE}{_EMOJI_STYLE}]")
# In logs the variation selectors stay: build tools print them after their check marks.
_IN_LINES = re.compile(f"[{_CONTROLS}{_INVISIBLE}]")
_KEPT_IN_LINES = {"\n": "\n", "\t": "\t"}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def harmless(text: str) -> str:
    """`text` as one line without anything that acts on a terminal."""
    return _IN_LINE.sub(_escape, text)


def harmless_lines(text: str) -> str:
    """Like `harmless`, for text of many lines: line ends and tabs stay."""
    return _IN_LINES.sub(_escape_in_lines, text.replace("\r\n", "\n"))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape_in_lines(found: re.Match[str]) -> str:
    return _KEPT_IN_LINES.get(found[0]) or _escape(found)
