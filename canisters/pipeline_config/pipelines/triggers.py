"""What triggers must be before they are part of a pipeline. Plain Python."""

from typing import TYPE_CHECKING

from canisters.pipeline_config.pipelines.schedules import schedules_problem
from shared.rules.limits import MAX_PATTERNS_PER_TRIGGER, MAX_TRIGGERS
from shared.rules.patterns import (
    EXCLUDES,
    path_pattern_problem,
    pattern_problem,
    text_pattern_problem,
    without_mark,
)
from shared.rules.pull_requests import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from shared.types.pipeline import Trigger

PLAIN: "tuple[Literal['Push', 'Tag', 'PullRequest', 'Release'], ...]" = (
    "Push",
    "Tag",
    "PullRequest",
    "Release",
)
"""Triggers that are a list of patterns and nothing else."""


def triggers_problem(triggers: "list[Trigger]") -> "str | None":
    """Why a list of triggers is refused, or None. An empty list starts nothing."""
    if len(triggers) > MAX_TRIGGERS:
        return f"triggers: {len(triggers)} of them, over {MAX_TRIGGERS} (MAX_TRIGGERS)"
    for trigger in triggers:
        problem = _types_problem(trigger) or _lists_problem(_lists(trigger))
        if problem is not None:
            return f"triggers: {problem}"
    return schedules_problem(triggers)


def _lists(trigger: "Trigger") -> "list[tuple[list[str], Callable[[str], str | None]]]":
    """The lists of patterns of a trigger, each with the rule for what is in it."""
    if "FilteredPush" in trigger:
        given = trigger["FilteredPush"]
        return [
            (given["branches"], pattern_problem),
            (given["paths"] or [], path_pattern_problem),
            (given["paths_ignore"] or [], path_pattern_problem),
            (given["authors"] or [], text_pattern_problem),
        ]
    if "FilteredPullRequest" in trigger:
        wanted = trigger["FilteredPullRequest"]
        return [
            (wanted["branches"], pattern_problem),
            (wanted["labels"] or [], text_pattern_problem),
        ]
    return [(trigger.get(case) or [], pattern_problem) for case in PLAIN]


def _types_problem(trigger: "Trigger") -> "str | None":
    if "FilteredPullRequest" not in trigger:
        return None
    for each in trigger["FilteredPullRequest"]["types"] or []:
        if each not in TYPES:
            return f"FilteredPullRequest.types: `{each[:40]}`: use {', '.join(TYPES)}"
    return None


def _lists_problem(
    lists: "list[tuple[list[str], Callable[[str], str | None]]]",
) -> "str | None":
    count = sum(len(patterns) for patterns, _ in lists)
    if count > MAX_PATTERNS_PER_TRIGGER:
        return (
            f"{count} patterns in one, over {MAX_PATTERNS_PER_TRIGGER} (MAX_PATTERNS_PER_TRIGGER)"
        )
    for patterns, problem_of in lists:
        for pattern in patterns:
            problem = problem_of(without_mark(pattern))
            if problem is not None:
                return f"pattern `{pattern[:80]}`: {problem}"
        if patterns and all(pattern.startswith(EXCLUDES) for pattern in patterns):
            return (
                f"pattern `{patterns[0][:80]}`: patterns that exclude take out of what those "
                "before them take in: begin the list with one that includes, such as `**`"
            )
    return None
