"""What lock files pin, and what is wrong with those that do not."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from dcanary.download.model import Digest

MAX_LOCK_BYTES = 8 << 20
MAX_PINS = 20_000
MAX_PROBLEMS = 200
"""As many are told."""
MAX_READ_PROBLEMS = 2_000
"""After as many a file is not read on."""

ReadFile = Callable[[str], bytes | None]
"""The content of a file of the commit by its path; None where there is none."""


@dataclass(frozen=True, order=True)
class LockProblem:
    """Why a lock file, or one line of it, pins nothing; line 0 is the file as a whole."""

    file: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file} line {self.line}" if self.line else self.file
        return f"{where}: {self.what}: {self.remedy}"


@dataclass(frozen=True, order=True)
class Pinned:
    """One dependency: its bytes have one of `digests`.

    `kind` is a kind of layout, `url` the public place of the bytes, empty where the registry's
    index has to be asked. `path` is the file in the layout, where the lock names one.
    """

    kind: str
    name: str
    version: str
    url: str
    digests: tuple[Digest, ...]
    lock: str
    line: int
    path: str = ""

    @property
    def where(self) -> str:
        """The line of the lock, for messages."""
        return f"{self.lock} line {self.line}"


@dataclass(frozen=True)
class Target:
    """The machine that dependencies are for: files for others only are not brought.

    It is part of what operators agree on, and never read from the machine that fetches.
    """

    python: tuple[int, int] = (3, 11)
    machine: str = "x86_64"
    """As `uname -m` says it: x86_64 or aarch64."""
    glibc: tuple[int, int] = (2, 36)

    def __post_init__(self) -> None:
        if self.machine not in ("x86_64", "aarch64"):
            raise ValueError(f"machine {self.machine!r}: use x86_64 or aarch64")


class TooManyProblems(Exception):
    """The lock files have so many problems that nobody needs the rest."""


@dataclass
class Reading:
    """What has been read: pins and problems, in the order of the files."""

    pins: list[Pinned] = field(default_factory=list)
    problems: list[LockProblem] = field(default_factory=list)

    def problem(self, file: str, line: int, what: str, remedy: str) -> None:
        """Note a problem. What a lock says is cut where it is very long. Raises TooManyProblems."""
        if len(self.problems) >= MAX_READ_PROBLEMS:
            raise TooManyProblems
        self.problems.append(LockProblem(file, line, shown(what, 300), remedy))


def shown(text: object, most: int = 120) -> str:
    """Text of a lock for a message: one line, and not longer than `most` characters."""
    said = str(text)
    line = re.sub(r"\s+", " ", said[: 4 * most]).encode(errors="replace").decode()
    return line if len(line) <= most and len(said) <= 4 * most else line[:most] + "…"


def inside(lock: str, path: str) -> str | None:
    """A path that a lock names relative to its folder, below the checkout; None when it is not."""
    if path.startswith("/") or "\\" in path or "\0" in path:
        return None
    found = posixpath.normpath(posixpath.join(posixpath.dirname(lock), path))
    return None if found == ".." or found.startswith("../") else found
