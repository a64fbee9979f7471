"""urls.lock: files by URL. One a line: sha256, https URL and, if wanted, the path to put it at.

9f86d081…  https://example.org/releases/tool-1.2.tar.gz
60303ae2…  https://example.org/data.json  data/eu.json
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, urlsplit

from dcanary.fetch.locks.reader import from_hex
from dcanary.fetch.pinned import Pinned, ReadFile, Reading, Target, shown

_FORM = "write it as: sha256, two spaces, https URL, and if wanted two spaces and a path"
_PATH = re.compile(r"[A-Za-z0-9_@%+=~,.-]+(?:/[A-Za-z0-9_@%+=~,.-]+)*")


class Urls:
    """See `Reader`."""

    kind, tool, names = "urls", "sha256sum", "urls.lock"

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """See `Reader.read`."""
        for number, line in enumerate(text.split("\n"), start=1):
            words = line.split()
            if words and not words[0].startswith("#"):
                _read_line(file, number, words, into)


def _read_line(file: str, line: int, words: list[str], into: Reading) -> None:
    digest = from_hex("sha256", words[0])
    if digest is None:
        into.problem(file, line, f"{shown(words[0])} is no sha256", _FORM)
        return
    if len(words) not in (2, 3):
        into.problem(file, line, f"there are {len(words)} words", _FORM)
        return
    url = words[1]
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.netloc or not url.isprintable():
        into.problem(file, line, f"{shown(url)} is no https URL", _FORM)
        return
    path = words[2] if len(words) == 3 else posixpath.basename(unquote(parts.path))
    if not is_plain_path(path):
        into.problem(
            file, line, f"{shown(path) or 'nothing'} is no path to put it at", "name one: " + _FORM
        )
        return
    url = url.partition("#")[0]
    into.pins.append(Pinned("urls", path, "", url, (digest,), file, line, path))


def is_plain_path(path: str) -> bool:
    """Whether a path is relative, normalised, of plain characters and not too long."""
    return (
        len(path) <= 400
        and _PATH.fullmatch(path) is not None
        and not any(part.strip(".") == "" for part in path.split("/"))
    )
