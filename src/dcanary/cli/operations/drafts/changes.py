"""What differs between two versions of a pipeline: by name, and line by line."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from dcanary.cli.operations.drafts.export import plain, text_of, values_of

if TYPE_CHECKING:
    from dcanary.client.types.pipeline_config import PipelineInput


def changes(before: PipelineInput, after: PipelineInput) -> list[str]:
    """What is not the same, such as `stage test added`; empty when nothing is."""
    old, new = values_of(before), values_of(after)
    stages, others = old.pop("stages"), new.pop("stages")
    found = [
        f"stage {name} {_how(stages.get(name), others.get(name))}"
        for name in dict.fromkeys([*stages, *others])
        if stages.get(name) != others.get(name)
    ]
    if not found and list(stages) != list(others):
        found.append("order of stages changed")
    found += [
        f"{key} {_how(old.get(key), new.get(key))}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]
    if not found and plain(before) != plain(after):
        found.append("details changed that a file does not show, such as groups of a matrix")
    return found


def _how(before: object, after: object) -> str:
    return "added" if before is None else "removed" if after is None else "changed"


def line_diff(before: PipelineInput | None, after: PipelineInput, old: str, new: str) -> list[str]:
    """The lines of two pipelines as files, as `diff -u` shows them; empty when they are equal."""
    first = [] if before is None else text_of(before).splitlines()
    found = difflib.unified_diff(first, text_of(after).splitlines(), old, new, lineterm="")
    return list(found)
