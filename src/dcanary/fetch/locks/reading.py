"""Reads all lock files of a commit: every pin, and every problem at once."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterable
from fnmatch import fnmatchcase

from dcanary.fetch.locks.cargo import Cargo
from dcanary.fetch.locks.mops import Mops
from dcanary.fetch.locks.npm import Npm
from dcanary.fetch.locks.pnpm import Pnpm
from dcanary.fetch.locks.reader import NotReadable, Reader
from dcanary.fetch.locks.requirements import Requirements
from dcanary.fetch.locks.urls import Urls
from dcanary.fetch.locks.uv import Uv
from dcanary.fetch.locks.yarn import Yarn
from dcanary.fetch.pinned import (
    MAX_LOCK_BYTES,
    MAX_PINS,
    MAX_PROBLEMS,
    LockProblem,
    Pinned,
    ReadFile,
    Reading,
    Target,
    TooManyProblems,
    inside,
    shown,
)

READERS: tuple[Reader, ...] = (Npm(), Yarn(), Pnpm(), Cargo(), Requirements(), Uv(), Mops(), Urls())

# Files of one name and version that differ do not get in each other's way: npm's cache is addressed
# by content, wheels have names of their own, and a mops package has many files.
_MANY_CONTENTS = ("npm", "pypi", "mops")


def reader_of(name: str) -> Reader | None:
    """The reader for a file, by its base name; None when it is no lock file that is known."""
    base = posixpath.basename(name)
    for reader in READERS:
        if any(fnmatchcase(base, pattern) for pattern in reader.names.split()):
            return reader
    return None


def known_names() -> str:
    """The names of lock files that can be read, for messages."""
    return ", ".join(" ".join(each.names.split()) for each in READERS)


def read_locks(read: ReadFile, names: Iterable[str], target: Target) -> Reading:
    """What lock files pin, sorted and each once, and what is wrong with them, sorted."""
    found = Reading()
    pins: list[Pinned] = []
    with contextlib.suppress(TooManyProblems):
        for name in sorted(set(names)):
            _read_one(read, name, target, found)
        pins = _once(found)
    if len(pins) > MAX_PINS:
        what = f"more than {MAX_PINS} files are pinned"
        found.problem(pins[0].lock, 0, what, "split the stage")
    problems = sorted(set(found.problems))
    if len(problems) > MAX_PROBLEMS:
        rest = len(problems) - MAX_PROBLEMS
        problems = [
            *problems[:MAX_PROBLEMS],
            LockProblem("", 0, f"and {rest} more problems", "solve those above first"),
        ]
    return Reading(pins, problems)


def _read_one(read: ReadFile, name: str, target: Target, into: Reading) -> None:
    reader = reader_of(name)
    if reader is None:
        known = f"known are {known_names()}"
        into.problem(shown(name), 0, "this is no lock file that is known", known)
        return
    if inside("", name) != name:
        into.problem(shown(name), 0, "this is no path in the repository", "use a relative path")
        return
    text = read_text(read, name, into)
    if text is None:
        return
    try:
        reader.read(name, text, read, target, into)
    except NotReadable as error:
        again = f"lock again with {reader.tool} and commit the result"
        into.problem(name, error.line, error.what, again)
    except RecursionError:
        into.problem(name, 0, "it is nested too deeply", f"lock again with {reader.tool}")
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # An oversight of the reader's. It depends on the file alone, so every executor has it: the
        # commit fails with the reason, and does not wait for an executor that can read it.
        what = f"dcanary cannot read it ({type(error).__name__})"
        into.problem(
            name, 0, what, f"lock again with {reader.tool}, and report the file to dcanary"
        )


def read_text(read: ReadFile, name: str, into: Reading) -> str | None:
    """The text of a file of the commit; None, and a problem, when it cannot be read."""
    content = read(name)
    if content is None:
        into.problem(name, 0, "there is no such file in the commit", "commit it")
    elif len(content) > MAX_LOCK_BYTES:
        size = f"it has {len(content)} bytes, {MAX_LOCK_BYTES} are allowed"
        into.problem(name, 0, size, "split the project")
    else:
        try:
            return content.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            into.problem(name, line, "it is no UTF-8 text", "save it as UTF-8")
    return None


def _once(found: Reading) -> list[Pinned]:
    """Each pin once, by the first line that has it; problems where two contradict each other."""
    first: dict[tuple[object, ...], Pinned] = {}
    names: dict[tuple[str, str, str], Pinned] = {}
    for pin in sorted(found.pins, key=lambda each: (each.lock, each.line)):
        key = (pin.kind, pin.name, pin.version, pin.url, pin.digests, pin.path)
        if key in first:
            continue
        first[key] = pin
        if pin.kind in _MANY_CONTENTS:
            continue
        other = names.setdefault((pin.kind, pin.name, pin.version), pin)
        if other.digests != pin.digests:
            found.problem(
                pin.lock,
                pin.line,
                f"{pin.name} {pin.version}".strip() + f" has another hash than in {other.where}",
                "find out which of them is right, and lock again",
            )
    return sorted(first.values())
