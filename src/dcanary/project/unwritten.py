"""Errors of a pipeline that is not written: its lines are nowhere to be looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dcanary.pipeline import FieldError

_LOCK_FIELD = re.compile(r"stages\..*\.locks\[\d+\]")
_PROBLEM = re.compile(r"(?P<file>.+?)(?: line (?P<line>\d+))?: (?P<what>.+): (?P<remedy>.+)", re.S)
_REST = re.compile(r": and (\d+) more problems: .*")
"""What follows the problems of a lock file that are told one by one."""


def unwritten(name: str, errors: Iterable[FieldError]) -> str:
    """What is wrong, without places in a `dcanary.yml` that is not there.

    Problems of lock files are the project's own: those with one remedy are counted, and the first
    is told with its line. The others are of the template `name` and its values.
    """
    locks: dict[str, None] = {}
    others: dict[str, None] = {}
    for error in errors:
        if _LOCK_FIELD.fullmatch(error.field):
            locks[error.message] = None
        else:
            others[f"{error.field}: {error.message}" if error.field else error.message] = None
    lines = _of_locks(locks)
    if others:
        said = list(others)
        first = f"the template {name} gives no pipeline with these values: {said[0]}"
        lines += [first, *said[1:]]
    return "\n".join(lines)


def _of_locks(messages: Iterable[str]) -> list[str]:
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
    lines, rest = [], 0
    for message in messages:
        if found := _REST.fullmatch(message):
            rest += int(found[1])
        elif found := _PROBLEM.fullmatch(message):
            problem = (int(found["line"] or 0), found["what"])
            groups.setdefault((found["file"], found["remedy"]), []).append(problem)
        else:
            lines.append(message)
    for (file, remedy), problems in groups.items():
        line, what = min(problems)
        where = f"line {line}" if line else "the whole file"
        count = len(problems)
        if rest and len(groups) == 1:
            count, rest = count + rest, 0
        if count == 1:
            lines.append(f"{file}{f' line {line}' if line else ''}: {what}")
        else:
            lines.append(f"{file}: {count} packages cannot be fetched; the first, {where}: {what}")
        lines.append(f"  {remedy}")
    if rest:
        lines.append(f"and {rest} more problems of lock files")
    return lines
