"""Long values of records in lines that fit the terminal; URLs, paths and hashes stay whole."""

from __future__ import annotations

from collections.abc import Iterator

from dcanary.cli.tables import cell_width

INDENT = 2
COMMAND = "`dcanary"
LEAST_ROOM = 8
"""Cells that a value gets at least, however narrow the terminal is."""


def folded(head: str, text: str, width: int | None, hang: int = 0) -> str:
    """`head` and `text` in lines of at most `width` cells (None: any width).

    What follows the first line stands below the text, or `hang` cells right of its beginning. Where
    a word has no room there, such as a hash, the text begins a line of its own, further left. See
    `_lines` for longer words.
    """
    if width is None or cell_width(head) + cell_width(text) <= width:
        return head + text
    if hang:
        bare = text.lstrip(" ")
        head += " " * (len(text) - len(bare))
        text = bare
    room = width - cell_width(head) - hang
    words = _words(text, room)
    if max(map(cell_width, words)) <= room:
        return head + f"\n{' ' * (cell_width(head) + hang)}".join(_lines(words, room))
    indent = len(head) - len(head.lstrip(" ")) + INDENT
    room = max(LEAST_ROOM, width - indent)
    lines = _lines(_words(text, room), room)
    first = [head.rstrip()] if head.strip() else []
    return "\n".join([*first, *(" " * indent + line for line in lines)])


def folded_lines(text: str, width: int | None) -> str:
    """Sentences in lines of at most `width` cells; what goes on is indented further.

    A sentence begins where it stands even if a long word, such as a path, comes later.
    """
    return "\n".join(_sentence(line, width) for line in text.split("\n"))


def _sentence(line: str, width: int | None) -> str:
    if width is None or cell_width(line) <= width:
        return line
    bare = line.lstrip(" ")
    indent = len(line) - len(bare)
    room = max(LEAST_ROOM, width - indent - INDENT)
    lines = _lines(_words(bare, room), room)
    return " " * indent + f"\n{' ' * (indent + INDENT)}".join(lines)


def _words(text: str, room: int) -> list[str]:
    """The words of a text. A command in backquotes is one where it has room: it is copied whole."""
    words: list[str] = []
    held: list[str] = []
    for word in text.split(" "):
        held.append(word)
        if ("`" in word and (len(held) > 1 or word.count("`") > 1)) or (
            len(held) == 1 and (not word.startswith(COMMAND))
        ):
            whole = " ".join(held)
            words += [whole] if cell_width(whole) <= room else held
            held = []
    return words + held


def _lines(words: list[str], room: int) -> Iterator[str]:
    """Lines of at most `room` cells; spaces between words stay, but where a line breaks.

    A URL, path or hash that is longer goes beyond: whoever selects it gets it whole, which cut
    in two lines it would not be.
    """
    line = ""
    empty = True
    for word in words:
        longer = word if empty else f"{line} {word}"
        if cell_width(longer) <= room:
            line, empty = longer, False
            continue
        if not empty:
            yield line
        *whole, line = _pieces(word, room)
        empty = False
        yield from whole
    yield line


def _pieces(word: str, room: int) -> list[str]:
    """A word in pieces of at most `room` cells, or whole where it is to be copied."""
    if _is_copied(word):
        return [word]
    pieces = [""]
    used = 0
    for character in word:
        cells = cell_width(character)
        if used + cells > room:
            pieces.append("")
            used = 0
        pieces[-1] += character
        used += cells
    return pieces


def _is_copied(word: str) -> bool:
    # Other scripts go on without spaces over whole sentences; and a stranger's space of another
    # kind, which is an escape here, must not carry a text of several words to the beginning of the
    # terminal's next line.
    return word.isascii() and word.isprintable() and "\\" not in word
