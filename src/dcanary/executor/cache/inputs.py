"""Which files of a commit a stage with a cache sees: those that it declares, and no others.

So a stage that needs a file which it does not declare fails in its first build, on every executor
alike. Were all files there, its result would be used again when that file had changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dcanary.executor.source import Entry, SourceFailure, shown
from dcanary.pipeline.patterns import WILDCARDS, fixed_folder, matches

COMMIT_TIME = 315_532_800
"""What a stage with a cache is told of the commit's time: 1980-01-01, the first day that all
archive formats can hold. The true time is another in each commit, and no declared input."""


class CacheFailure(SourceFailure):
    """The pipeline declares an input that the commit does not have: the same for everybody."""

    about = "dcanary.yml"


def declared(entries: Sequence[Entry], stage: Mapping[str, Any]) -> tuple[Entry, ...]:
    """The entries that a Stage record's cache declares, in the order given.

    Raises CacheFailure for an input that takes no file.
    """
    chosen: set[str] = set()
    for declaration in stage["cache"]["inputs"]:
        takes = _taking(declaration)
        found = [each.path for each in entries if takes(each.path)]
        if not found:
            raise CacheFailure(
                f"stages.{stage['group'] or stage['name']}.cache.inputs: no file of the commit "
                f"matches {shown(declaration)}"
            )
        chosen.update(found)
    return tuple(each for each in entries if each.path in chosen)


def _taking(declaration: str) -> Callable[[str], bool]:
    """Whether a path is taken. The automaton of patterns is slow where a comparison is enough."""
    if WILDCARDS.isdisjoint(declaration):
        if declaration.endswith("/"):
            return lambda path: path.startswith(declaration)
        return lambda path: path == declaration
    folder = fixed_folder(declaration)
    below = f"{folder}/" if folder else ""
    return lambda path: path.startswith(below) and matches(declaration, path)
