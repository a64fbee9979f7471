"""Rules between the fields of a pipeline: the stages' graph, quorums, what is deployed.

They read plain values and pass over what has the wrong shape, because the model reports that: so
one run over a file finds all its errors.
"""

from collections.abc import Iterator

from dcanary.pipeline import limits
from dcanary.pipeline.arguments import KEYS, deploys_of
from dcanary.pipeline.errors import Location, field_text
from dcanary.pipeline.patterns import matches, may_take_below
from dcanary.pipeline.references import Argument
from dcanary.pipeline.source import Value

Finding = tuple[Location, str]


def findings(value: Value) -> Iterator[Finding]:
    """Everything in a pipeline file that contradicts something else in it."""
    root = value if isinstance(value, dict) else {}
    stages = {
        name: stage
        for name, stage in _mapping(root.get("stages")).items()
        if isinstance(stage, dict)
    }
    for name, stage in stages.items():
        here: Location = ("stages", name)
        yield from _quorum(here, stage)
        yield from _duplicates((*here, "artifacts"), _texts(stage.get("artifacts")))
        yield from _duplicates((*here, "depends_on"), _texts(stage.get("depends_on")))
        yield from _duplicates((*here, "secrets"), _texts(stage.get("secrets")))
        if stage.get("keep") == "executors" and stage.get("kind") != "fetch":
            yield from _kept(here, stage)
        yield from _hidden_secrets(here, stage, _mapping(root.get("environment")))
        yield from _uncacheable(here, stage)
        yield from _brought_twice(here, stage, stages)
        for index, other in _texts(stage.get("depends_on")):
            if other == name:
                yield (*here, "depends_on", index), "a stage cannot depend on itself"
            elif other not in stages:
                known = ", ".join(stages)
                yield (*here, "depends_on", index), f"there is no stage {other}: use one of {known}"
    cycle = find_cycle(
        {name: [o for _, o in _texts(s.get("depends_on"))] for name, s in stages.items()}
    )
    if cycle:
        yield ("stages", cycle[0], "depends_on"), f"stages depend in a circle: {' -> '.join(cycle)}"
    approval = _mapping(root.get("approval"))
    approvers = _texts(approval.get("approvers"))
    threshold = approval.get("threshold", 1)
    yield from _duplicates(("approval", "approvers"), approvers)
    if approvers and isinstance(threshold, int) and threshold > len(approvers):
        yield (
            ("approval", "threshold"),
            f"must be at most the number of approvers ({len(approvers)})",
        )
    yield from _deploys(value, stages)


def find_cycle(edges: dict[str, list[str]]) -> list[str] | None:
    """A circle of two names or more, its first name repeated at the end, or None."""
    state: dict[str, int] = {}
    for root in edges:
        path: list[str] = []
        stack: list[tuple[str, int]] = [(root, 0)]
        while stack:
            name, position = stack.pop()
            if position == 0:
                if state.get(name) == 2:
                    continue
                state[name] = 1
                path.append(name)
            following = [other for other in edges.get(name, ()) if other in edges and other != name]
            if position < len(following):
                stack.append((name, position + 1))
                other = following[position]
                if state.get(other) == 1:
                    return [*path[path.index(other) :], other]
                stack.append((other, 0))
            else:
                state[name] = 2
                path.pop()
    return None


def _quorum(here: Location, stage: dict[str, Value]) -> Iterator[Finding]:
    replicas, quorum = stage.get("replicas", 3), stage.get("quorum", 2)
    if type(replicas) is not int or type(quorum) is not int:
        return
    if quorum > replicas >= 1:
        yield (*here, "quorum"), f"must be at most replicas ({replicas})"
    elif 0 < 2 * quorum <= replicas <= limits.MAX_REPLICAS:
        # Two different results could both reach it.
        least = replicas // 2 + 1
        said = f"must be more than half of replicas ({replicas}): at least {least}"
        yield (*here, "quorum"), said


def _hidden_secrets(
    here: Location, stage: dict[str, Value], environment: dict[str, Value]
) -> Iterator[Finding]:
    variables = {*environment, *_mapping(stage.get("environment"))}
    for index, name in _texts(stage.get("secrets")):
        if name in variables:
            said = f"{name} is also a variable of environment: rename one of the two"
            yield (*here, "secrets", index), said


def _uncacheable(here: Location, stage: dict[str, Value]) -> Iterator[Finding]:
    if stage.get("cache") is None:
        return
    if stage.get("secrets"):
        said = "a result that secrets went into is never used again: leave one of both out"
        yield (*here, "cache"), said
    if _mapping(stage.get("resources")).get("network") is True:
        said = "a result that the network went into is never used again: leave cache out"
        yield (*here, "cache"), said


def _brought_twice(
    here: Location, stage: dict[str, Value], stages: dict[str, dict[str, Value]]
) -> Iterator[Finding]:
    brought: dict[str, str] = {}
    for index, other in _texts(stage.get("depends_on")):
        for _, path in _texts(stages.get(other, {}).get("artifacts")):
            first = brought.setdefault(path, other)
            if first != other:
                yield (*here, "depends_on", index), f"{first} and {other} both bring {path}"


def _duplicates(here: Location, texts: list[tuple[int, str]]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, text in texts:
        if text in seen:
            yield (*here, index), f"{text} is listed twice"
        seen.add(text)


def _deploys(value: Value, stages: dict[str, dict[str, Value]]) -> Iterator[Finding]:
    deploys = deploys_of(value)
    if isinstance(value, dict) and value.get("deploy") == []:
        yield ("deploy",), "is empty: leave it out when nothing is deployed"
    seen: dict[str, Location] = {}
    for here, deploy in deploys:
        yield from _artifact(here, deploy, stages)
        target = deploy.get("target")
        if isinstance(target, str) and seen.setdefault(target, here) != here:
            yield (*here, "target"), f"{target} is named twice, first as {field_text(seen[target])}"
    edges: dict[str, list[str]] = {}
    for here, deploy in deploys:
        target = deploy.get("target")
        if not isinstance(target, str):
            continue
        depends_on = _texts(deploy.get("depends_on"))
        yield from _duplicates((*here, "depends_on"), depends_on)
        for index, other in depends_on:
            if other == target:
                yield (*here, "depends_on", index), "a target cannot depend on itself"
            elif other not in seen:
                known = ", ".join(seen)
                yield (
                    (*here, "depends_on", index),
                    f"there is no target {other}: use one of {known}",
                )
        referred: list[str] = []
        for key in KEYS:
            argument: object = deploy.get(key)
            if isinstance(argument, Argument):
                referred += argument.targets
                if target in argument.targets:
                    yield (*here, key), f"${{canister:{target}}} is the target itself"
        edges.setdefault(target, []).extend([*(other for _, other in depends_on), *referred])
    cycle = find_cycle(edges)
    if cycle:
        told = f"targets depend on each other in a circle: {' -> '.join(cycle)}"
        yield seen[cycle[0]], told


def _artifact(
    here: Location, deploy: dict[str, Value], stages: dict[str, dict[str, Value]]
) -> Iterator[Finding]:
    stage, artifact = deploy.get("stage"), deploy.get("artifact")
    if not isinstance(stage, str):
        return
    if stage not in stages:
        yield (*here, "stage"), f"there is no stage {stage}: use one of {', '.join(stages)}"
    elif stages[stage].get("keep") == "executors" and stages[stage].get("kind") != "fetch":
        yield (
            (*here, "stage"),
            f"the files of {stage} stay with executors (keep): what is deployed must be on chain",
        )
    elif isinstance(artifact, str):
        artifacts = [path for _, path in _texts(stages[stage].get("artifacts"))]
        if not any(matches(entry, artifact) for entry in artifacts):
            listed = ", ".join(artifacts) or "none"
            yield (
                (*here, "artifact"),
                f"is not an artifact of the stage {stage} (it has: {listed})",
            )
        folder = deploy.get("assets")
        if isinstance(folder, str):
            yield from _assets(here, f"{folder.removesuffix('/')}/", artifact, stage, artifacts)


def _assets(
    here: Location, folder: str, artifact: str, stage: str, artifacts: list[str]
) -> Iterator[Finding]:
    if not any(may_take_below(entry, folder) for entry in artifacts):
        listed = ", ".join(artifacts) or "none"
        yield (
            (*here, "assets"),
            f"no artifact of the stage {stage} is in {folder} (it has: {listed})",
        )
    elif artifact.startswith(folder):
        yield (
            (*here, "assets"),
            f"the module {artifact} would be one of the files: put it elsewhere",
        )


def _kept(here: Location, stage: dict[str, Value]) -> Iterator[Finding]:
    # Who lacks the files builds them again, for another stage: it is given no secrets for that.
    if stage.get("secrets"):
        yield (
            (*here, "keep"),
            "must be chain: the files of a stage with secrets cannot be built again without them",
        )


def _mapping(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _texts(value: Value) -> list[tuple[int, str]]:
    if not isinstance(value, list):
        return []
    return [(index, item) for index, item in enumerate(value) if isinstance(item, str)]
