"""Asks an index of Python packages (PEP 503, 691) for the files that have pinned hashes.

Nothing of the index is believed but where a file may be: its bytes must have the pinned hash.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from dcanary.download.downloader import Downloader
from dcanary.download.model import Digest, DownloadError
from dcanary.fetch.locks.reader import from_hex

_MAX_PAGE_BYTES = 64 << 20
_ACCEPT = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
)


@dataclass(frozen=True)
class IndexFile:
    """A file of a package as an index lists it."""

    name: str
    url: str
    digests: frozenset[Digest]


def files_of(downloader: Downloader, index: str, package: str) -> list[IndexFile]:
    """The files of a package whose hashes the index tells. Raises DownloadError."""
    url = f"{index}{package}/"
    page = downloader.read(url, _MAX_PAGE_BYTES, _ACCEPT)
    try:
        text = page.decode()
        return _from_json(url, text) if text.lstrip().startswith("{") else _from_html(url, text)
    except (ValueError, LookupError, RecursionError, AttributeError, TypeError) as error:
        raise DownloadError(url, "the index answers what is no list of files") from error


def _from_json(url: str, text: str) -> list[IndexFile]:
    listed: list[dict[str, Any]] = json.loads(text)["files"]
    return [
        IndexFile(
            _plain(str(each["filename"])),
            urljoin(url, str(each["url"])).partition("#")[0],
            _digests({str(key): value for key, value in each.get("hashes", {}).items()}),
        )
        for each in listed
    ]


def _from_html(url: str, text: str) -> list[IndexFile]:
    parser = _Links()
    parser.feed(text)
    found = []
    for href in parser.found:
        place, _, fragment = urljoin(url, href).partition("#")
        algorithm, _, digits = fragment.partition("=")
        name = posixpath.basename(unquote(urlsplit(place).path))
        found.append(IndexFile(_plain(name), place, _digests({algorithm: digits})))
    return found


def _plain(name: str) -> str:
    """A name that is a file's and no path."""
    if "/" in name or "\\" in name or not name.isprintable() or name.strip(".") == "":
        raise ValueError(name)
    return name


def _digests(hashes: dict[str, object]) -> frozenset[Digest]:
    found = (from_hex(algorithm, digits) for algorithm, digits in hashes.items())
    return frozenset(each for each in found if each is not None)


@dataclass
class _Links(HTMLParser):
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.extend(value for key, value in attrs if key == "href" and value)
