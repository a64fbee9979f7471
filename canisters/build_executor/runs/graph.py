"""The graph of a pipeline's stages. Plain functions over a run's spec, no records."""

from typing import TYPE_CHECKING

from shared.rules.keeping import stays_with_executors
from shared.rules.limits import MAX_NAME_CHARS, MAX_REPLICAS, MAX_STAGES_PER_PIPELINE

if TYPE_CHECKING:
    from shared.types.pipeline import Stage, Variable


def order(stages: "list[Stage]") -> "list[str] | str":
    """Stage names, each after all that it depends on; a sentence when that cannot be.

    Among stages that could come next the pipeline's own order decides.
    """
    placed: list[str] = []
    waiting = list(stages)
    while waiting:
        ready = [s for s in waiting if all(name in placed for name in s["depends_on"])]
        if not ready:
            names = ", ".join(s["name"] for s in waiting)
            return f"stages {names} wait for each other or for a stage that is not there"
        placed.append(ready[0]["name"])
        waiting.remove(ready[0])
    return placed


def problem(stages: "list[Stage]") -> "str | None":
    """Why these stages cannot be executed, or None. The pipeline canister says it better."""
    if not 1 <= len(stages) <= MAX_STAGES_PER_PIPELINE:
        return f"a pipeline has 1 to {MAX_STAGES_PER_PIPELINE} stages, not {len(stages)}"
    names: set[str] = set()
    for stage in stages:
        name = stage["name"]
        if not is_name(name):
            return f"stage name {name[:MAX_NAME_CHARS]!r} is not 1 to 64 of a-z A-Z 0-9 . _ -"
        if name in names:
            return f"stage {name} is there twice"
        names.add(name)
        if not 1 <= stage["replicas"] <= MAX_REPLICAS:
            return f"stage {name}: replicas is {stage['replicas']}, use 1 to {MAX_REPLICAS}"
        if not 1 <= stage["quorum"] <= stage["replicas"]:
            return f"stage {name}: quorum is {stage['quorum']}, use 1 to {stage['replicas']}"
        if 2 * stage["quorum"] <= stage["replicas"]:
            return f"stage {name}: quorum {stage['quorum']} is no majority of {stage['replicas']}"
    placed = order(stages)
    return placed if isinstance(placed, str) else None


def is_name(name: str) -> bool:
    """True for what may stand in a job's name and in a map's key."""
    if not 1 <= len(name) <= MAX_NAME_CHARS or not name.isascii():
        return False
    return all(char.isalnum() or char in "._-" for char in name)


def find(stages: "list[Stage]", name: str) -> "Stage | None":
    for stage in stages:
        if stage["name"] == name:
            return stage
    return None


def ready(stages: "list[Stage]", opened: "set[str]", succeeded: "set[str]") -> "list[int]":
    """Positions of stages to open now: not opened, and all they depend on has succeeded."""
    return [
        position
        for position, stage in enumerate(stages)
        if stage["name"] not in opened and all(name in succeeded for name in stage["depends_on"])
    ]


def ancestors(stages: "list[Stage]", name: str) -> "list[str]":
    """All stages that `name` depends on, directly or not, each after its own."""
    wanted: set[str] = set()
    queue = [name]
    while queue:
        stage = find(stages, queue.pop())
        for dependency in stage["depends_on"] if stage is not None else []:
            if dependency not in wanted:
                wanted.add(dependency)
                queue.append(dependency)
    placed = order(stages)
    return [] if isinstance(placed, str) else [each for each in placed if each in wanted]


def kept_ancestors(stages: "list[Stage]", name: str) -> "list[Stage]":
    """The stages before `name` whose files stay with executors, each after its own."""
    found = [find(stages, each) for each in ancestors(stages, name)]
    return [each for each in found if each is not None and stays_with_executors(each)]


def environment(shared: "list[Variable]", own: "list[Variable]") -> "list[Variable]":
    """A job's variables: the pipeline's, where the stage's own of the same name win."""
    merged: dict[str, str] = {}
    for variable in shared + own:
        merged[variable["name"]] = variable["value"]
    return [{"name": name, "value": value} for name, value in merged.items()]
