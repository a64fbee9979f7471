"""Text of strangers, made harmless for a terminal: branch names, logs, reasons, manifest paths.

What could move the cursor, recolour, reorder or hide other text is shown as its escape, such as
`\\x1b` or `\\u202e`; `dcanary.visible` decides what that is. Everything that the output layer
prints for people passes through here; `--json` escapes by itself and stays exact.
"""

from __future__ import annotations

import re
import unicodedata

from dcanary.visible import shown

_COLOUR = re.compile("\x1b\\[((?:[0-9]{1,3}(?:;[0-9]{1,3}){0,9})?)m")
"""A sequence Select Graphic Rendition. Source: ECMA-48, section 8.3.117."""
_CUT = re.compile("(?:\x1b(?:\\[[0-9;]{0,39})?|\r)\\Z")
_CONCEALED = 8
_KEPT_IN_LINES = "\n\t"
_IN_QUOTES = str.maketrans({'"': '\\"', "\\": "\\\\"})
_RIGHT_TO_LEFT = ("R", "AL", "AN")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def harmless(text: str) -> str:
    """`text` as one line without anything that acts on a terminal or that nobody sees."""
    return shown(text, _escape)


def in_order(text: str) -> str:
    """Text whose parts no terminal shows in another order than they stand: what is written from
    right to left is shown as escapes.

    For what people decide on part by part, such as arguments and paths. Sentences keep their
    letters. Source: Unicode Standard Annex 9, table 4.
    """
    return "".join(
        _escape(each) if unicodedata.bidirectional(each) in _RIGHT_TO_LEFT else each
        for each in text
    )


def quoted_if_needed(name: str) -> str:
    """A name of a file or folder; quoted where a space in it could end it for the reader."""
    return in_order(quoted(name) if " " in name or name.startswith('"') else harmless(name))


def harmless_lines(text: str) -> str:
    """Like `harmless`, for text of many lines: line ends and tabs stay."""
    return shown(text.replace("\r\n", "\n"), _escape, _KEPT_IN_LINES)


def harmless_log(text: str) -> str:
    """Like `harmless_lines`, for logs: the variation selectors that build tools print after their
    check marks stay."""
    return shown(text.replace("\r\n", "\n"), _escape, _KEPT_IN_LINES, emoji=True)


def bare_log(text: str) -> str:
    """Like `harmless_log`, without the colours: each whole sequence of them is left out, also one
    that would conceal what follows."""
    return harmless_log(_COLOUR.sub("", text))


def cut_off(text: str) -> int:
    """How many characters at the end of a part of a log may be the beginning of a sequence, or of a
    line end, which the next part goes on with."""
    found = _CUT.search(text)
    return 0 if found is None else len(found[0])


def quoted(text: str) -> str:
    """A stranger's text as one line in quotation marks, so that it is seen where it ends."""
    return f'"{harmless(text.translate(_IN_QUOTES))}"'


def coloured_lines(text: str) -> str:
    """Like `harmless_log`, with colours; each line ends in the colours of the terminal.

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
            made += harmless_log(line[end : found.start()]) + found[0]
            end = found.end()
    return made + harmless_log(line[end:]) + ("\x1b[0m" if made else "")


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
