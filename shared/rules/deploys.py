"""What a pipeline deploys: one target or several, and which of them go before others. Plain Python.

A target goes after those of its `depends_on`, and after those whose ids its arguments refer to.
"""

from typing import TYPE_CHECKING

from shared.rules import references
from shared.rules.limits import MAX_NAME_CHARS, MAX_TARGETS_PER_PIPELINE

if TYPE_CHECKING:
    from shared.types.pipeline import Deploy, PipelineInput


def deploys_of(pipeline: "PipelineInput") -> "list[Deploy]":
    """What the pipeline deploys, in the order of its author; empty when nothing."""
    several = pipeline["deploys"]
    if several is not None:
        return several
    one = pipeline["deploy"]
    return [] if one is None else [one]


def references_of(deploy: "Deploy") -> "list[str]":
    """The targets whose ids the arguments refer to, of this pipeline and of others."""
    return references.targets_of(
        (deploy["install_references"] or []) + (deploy["upgrade_references"] or [])
    )


def needed_by(deploy: "Deploy", deploys: "list[Deploy]") -> "list[str]":
    """The targets of the same pipeline that must be released before this one."""
    names = {other["target"] for other in deploys}
    wanted = (deploy["depends_on"] or []) + references_of(deploy)
    return [name for name in dict.fromkeys(wanted) if name in names]


def order(deploys: "list[Deploy]") -> "list[str] | str":
    """Targets, each after all that it needs; a sentence when they need each other in a circle.

    Among targets that could come next the author's order decides.
    """
    placed: list[str] = []
    waiting = list(deploys)
    while waiting:
        ready = [one for one in waiting if all(name in placed for name in needed_by(one, deploys))]
        if not ready:
            return f"targets depend on each other in a circle: {' -> '.join(_circle(waiting))}"
        placed.append(ready[0]["target"])
        waiting.remove(ready[0])
    return placed


def _circle(waiting: "list[Deploy]") -> "list[str]":
    """A circle among targets that all wait for another; its first is repeated at the end."""
    needs = {}
    for one in waiting:
        needs[one["target"]] = needed_by(one, waiting)[0]
    path = [waiting[0]["target"]]
    while needs[path[-1]] not in path:
        path.append(needs[path[-1]])
    start = path.index(needs[path[-1]])
    return [*path[start:], needs[path[-1]]]


def problem(pipeline: "PipelineInput") -> "str | None":
    """Why the targets cannot go one after the other, naming the field, or None."""
    if pipeline["deploy"] is not None and pipeline["deploys"] is not None:
        return "deploy: one target is given in `deploy` or several in `deploys`, not both"
    deploys = deploys_of(pipeline)
    if pipeline["deploys"] is not None and not deploys:
        return "deploys: is empty: leave it out when nothing is deployed"
    if len(deploys) > MAX_TARGETS_PER_PIPELINE:
        return (
            f"deploys: {len(deploys)} of them, over {MAX_TARGETS_PER_PIPELINE} "
            "(MAX_TARGETS_PER_PIPELINE)"
        )
    names = [one["target"] for one in deploys]
    for position, deploy in enumerate(deploys):
        name = deploy["target"]
        field = field_of(pipeline, position)
        if name in names[:position]:
            return f"{field}.target: {name[:MAX_NAME_CHARS]} is there twice"
        if name in (deploy["depends_on"] or []):
            return f"{field}.depends_on: a target cannot depend on itself"
        if name in references_of(deploy):
            return f"{field}: an argument of {name[:MAX_NAME_CHARS]} refers to itself"
        for other in deploy["depends_on"] or []:
            if other not in names:
                return f"{field}.depends_on: {other[:MAX_NAME_CHARS]} is no target of this pipeline"
        for word, argument, found in (
            ("install_arg", deploy["install_arg"], deploy["install_references"]),
            ("upgrade_arg", deploy["upgrade_arg"], deploy["upgrade_references"]),
        ):
            why = references.problem(argument, found or [])
            if why is not None:
                return f"{field}.{word}: {why}"
    placed = order(deploys)
    return f"deploys: {placed}" if isinstance(placed, str) else None


def field_of(pipeline: "PipelineInput", position: int) -> str:
    """How the target at a position is called in a sentence: `deploy`, or `deploys[1]`."""
    return "deploy" if pipeline["deploys"] is None else f"deploys[{position}]"
