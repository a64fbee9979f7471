"""Reading the pages of `docs/`: their code blocks, table rows, links and generated parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced code block: its language, its text, and the line of the page that it begins on."""

    language: str
    text: str
    line: int


def pages() -> list[Path]:
    """Every page, the README of the project included."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def text_of(name: str) -> str:
    """The text of a page, by its path below `docs/`."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """The fenced code blocks of a page."""
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(text)
    ]


def rows(text: str) -> list[list[str]]:
    """Cells of all table rows that are not headings or rules. `\\|` stands for a bar in a cell."""
    found: list[list[str]] = []
    for line in _FENCE.sub("", text).splitlines():
        if not line.startswith("|") or set(line) <= set("|- :"):
            continue
        cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
        found.append([cell.replace("\\|", "|").strip() for cell in cells])
    return found


def links(text: str) -> list[str]:
    """Targets of all links outside code blocks."""
    return _LINK.findall(_FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """Fragments that a page's headings can be reached by."""
    found = set()
    for line in _FENCE.sub("", text).splitlines():
        if line.startswith("#"):
            title = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(title.replace(" ", "-"))
    return found


def generated(text: str, name: str) -> str:
    """The generated part `name` of a page. Raises ValueError when the page has none."""
    begin, end = _marks(name)
    return text[text.index(begin) + len(begin) : text.index(end)]


def with_generated(text: str, name: str, content: str) -> str:
    """The page with its generated part `name` replaced."""
    begin, end = _marks(name)
    return text[: text.index(begin) + len(begin)] + content + text[text.index(end) :]


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- generated: {name} -->\n", f"<!-- end of {name} -->"
