"""What is downloaded, within which limits, and how it can fail."""

from __future__ import annotations

import re
from dataclasses import dataclass

HEX_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The algorithms that pin bytes, by the hexadecimal digits of their digests. Weaker ones do not."""

_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, order=True)
class Digest:
    """A hash that names bytes: one of HEX_LENGTHS, and hexadecimal digits in small letters."""

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        if len(self.hex) != HEX_LENGTHS.get(self.algorithm) or not _HEX.fullmatch(self.hex):
            raise ValueError(f"{self.algorithm}:{self.hex[:160]} is no digest that pins bytes")

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@dataclass(frozen=True)
class Wanted:
    """One file to download: its URL, what its bytes must be, and at most how many there are.

    `pinned_by` is for messages: where the digest comes from, such as "package-lock.json line 7".
    """

    url: str
    digest: Digest
    pinned_by: str = ""
    max_bytes: int = 1 << 30


@dataclass(frozen=True)
class Limits:
    """Bounds of one download; times are in seconds."""

    connect: float = 20.0
    silence: float = 30.0
    """The longest time without any bytes."""
    total: float = 1800.0
    slowest: int = 1024
    """Bytes a second, on average, after `patience`."""
    patience: float = 30.0
    pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0)
    """Before each of the attempts that follow the first."""
    all_bytes: int = 8 << 30
    """Of all files that are asked for at once."""
    redirects: int = 5
    parallel: int = 8


class DownloadError(Exception):
    """A file was not downloaded. `url` says which, the message why, and what to do.

    `pinned_by` is that of the file that was wanted, where one was.
    """

    def __init__(self, url: str, message: str, pinned_by: str = "") -> None:
        super().__init__(f"{without_login(url)}: {message}")
        self.url, self.pinned_by = url, pinned_by


class Weather(DownloadError):
    """A network or server that does not work at the moment: the same may succeed later."""


class HostNotAllowed(DownloadError):
    """The URL, or one that it redirects to, is on a host that may not be connected to."""


class NotThere(DownloadError):
    """The server has no such file, or does not give it to this machine."""


class WrongBytes(DownloadError):
    """The server's bytes are not those that were pinned. Nothing was kept."""


class TooLarge(DownloadError):
    """The server sends more bytes than are allowed. Nothing was kept."""


class DownloadsFailed(Exception):
    """Some of several files were not downloaded; `problems` are sorted by URL."""

    def __init__(self, problems: list[DownloadError]) -> None:
        super().__init__("\n".join(str(each) for each in problems))
        self.problems = problems


def without_login(url: str) -> str:
    """A URL for messages: user and password are left out, and what is very long is cut."""
    shown = re.sub(r"^(\w+://)[^/@]*@", r"\1", url)
    return shown if len(shown) <= 300 else shown[:300] + "…"
