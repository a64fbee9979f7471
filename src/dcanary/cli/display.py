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
_COLOUR = re.compile("\x1b\\[((?:[0-9]{1,3}(?:;[0-9]{1,3}){0,9})?)m")
"""A sequence Select Graphic Rendition. Source: ECMA-48, section 8.3.117."""
_CONCEALED = 8
_KEPT_IN_LINES = {"\n": "\n", "\t": "\t"}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def harmless(text: str) -> str:
    """`text` as one line without anything that acts on a terminal."""
    return _IN_LINE.sub(_escape, text)


def harmless_lines(text: str) -> str:
    """Like `harmless`, for text of many lines: line ends and tabs stay."""
    return _IN_LINES.sub(_escape_in_lines, text.replace("\r\n", "\n"))


def coloured_lines(text: str) -> str:
    """Like `harmless_lines`, with colours; each line ends in the colours of the terminal.

    What would conceal text is not among them. A sequence that is cut in two is shown as text.
    """
    return "\n".join(_coloured(line) for line in text.replace("\r\n", "\n").split("\n"))


def _conceals(codes: str) -> bool:
    # In 38;5;8 and 48;2;0;0;8 the 8 is part of a colour.
    rest = re.sub(r"[34]8;(?:5;\d+|2;\d+;\d+;\d+)", "", codes)
    return _CONCEALED in {int(code) for code in rest.split(";") if code}


def _coloured(line: str) -> str:
    made, end = "", 0
    for found in _COLOUR.finditer(line):
        if not _conceals(found[1]):
            made += harmless_lines(line[end : found.start()]) + found[0]
            end = found.end()
    return made + harmless_lines(line[end:]) + ("\x1b[0m" if made else "")


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
