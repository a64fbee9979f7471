"""What a stage must be. Each rule names the stage and the field. Plain Python."""

from typing import TYPE_CHECKING

from canisters.pipeline_config.pipelines.cache import cache_problem
from canisters.pipeline_config.pipelines.fetch import fetch_problem
from canisters.pipeline_config.pipelines.graph import find_cycle
from canisters.pipeline_config.pipelines.paths import artifact_problem, path_problem
from shared.rules.keeping import keep_problem
from shared.rules.limits import (
    COMMIT_WINDOW_NS,
    MAX_ARTIFACTS_PER_STAGE,
    MAX_COMMAND_CHARS,
    MAX_COMMANDS_PER_STAGE,
    MAX_ENVIRONMENT_VARIABLES,
    MAX_JOB_ATTEMPTS,
    MAX_LABELS,
    MAX_NAME_CHARS,
    MAX_NEED_CHARS,
    MAX_PARALLEL,
    MAX_REPLICAS,
    MAX_STAGES_PER_PIPELINE,
    MAX_TEXT_CHARS,
    SECOND_NS,
)
from shared.rules.names import name_problem
from shared.rules.retries import retries_problem

if TYPE_CHECKING:
    from shared.types.pipeline import Resources, Stage, Variable

MAX_TIMEOUT_SECONDS = COMMIT_WINDOW_NS // SECOND_NS
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_DIGITS = frozenset("0123456789")


def variables_problem(variables: "list[Variable]") -> "str | None":
    """Why a list of environment variables is refused, or None."""
    if len(variables) > MAX_ENVIRONMENT_VARIABLES:
        return (
            f"environment: {len(variables)} variables, over {MAX_ENVIRONMENT_VARIABLES} "
            "(MAX_ENVIRONMENT_VARIABLES)"
        )
    names: set[str] = set()
    for variable in variables:
        name = variable["name"]
        if (
            not 0 < len(name) <= MAX_NAME_CHARS
            or name[0] in _DIGITS
            or any(letter not in _LETTERS and letter not in _DIGITS for letter in name)
        ):
            return f"environment: `{name[:MAX_NAME_CHARS]}` is no name of letters, digits and `_`"
        if name in names:
            return f"environment: {name} is set twice"
        names.add(name)
        if len(variable["value"]) > MAX_TEXT_CHARS or "\0" in variable["value"]:
            return (
                f"environment: the value of {name} is over {MAX_TEXT_CHARS} characters "
                "(MAX_TEXT_CHARS) or holds a NUL"
            )
    return None


def _commands_problem(stage: "Stage") -> "str | None":
    if stage["fetch"] is not None:
        return None
    commands = stage["commands"]
    if not 1 <= len(commands) <= MAX_COMMANDS_PER_STAGE:
        return (
            f"commands: {len(commands)} of them: use 1 to {MAX_COMMANDS_PER_STAGE} "
            "(MAX_COMMANDS_PER_STAGE)"
        )
    for number, command in enumerate(commands, 1):
        if not command.strip() or len(command) > MAX_COMMAND_CHARS or "\0" in command:
            return (
                f"commands: number {number} is empty, holds a NUL or is over "
                f"{MAX_COMMAND_CHARS} characters (MAX_COMMAND_CHARS)"
            )
    return None


def _resources_problem(resources: "Resources") -> "str | None":
    for name, amount in (
        ("memory_bytes", resources["memory_bytes"]),
        ("storage_bytes", resources["storage_bytes"]),
        ("output_bytes", resources["output_bytes"]),
        ("processes", resources["processes"]),
        ("timeout_seconds", resources["timeout_seconds"]),
    ):
        if amount < 1:
            return f"resources.{name}: must be at least 1"
    if resources["timeout_seconds"] > MAX_TIMEOUT_SECONDS:
        return (
            f"resources.timeout_seconds: at most {MAX_TIMEOUT_SECONDS}, the time that a round "
            "takes commitments (COMMIT_WINDOW_NS)"
        )
    return None


def _artifacts_problem(artifacts: "list[str]") -> "str | None":
    if len(artifacts) > MAX_ARTIFACTS_PER_STAGE:
        return (
            f"artifacts: {len(artifacts)} paths, over {MAX_ARTIFACTS_PER_STAGE} "
            "(MAX_ARTIFACTS_PER_STAGE)"
        )
    for path in artifacts:
        problem = artifact_problem(path)
        if problem is not None:
            return f"artifacts: `{path[:80]}`: {problem}"
    if len(set(artifacts)) != len(artifacts):
        return "artifacts: a path is named twice"
    return None


def _votes_problem(stage: "Stage") -> "str | None":
    if not 1 <= stage["replicas"] <= MAX_REPLICAS:
        return f"replicas: {stage['replicas']}: use 1 to {MAX_REPLICAS} (MAX_REPLICAS)"
    if not 1 <= stage["quorum"] <= stage["replicas"]:
        return f"quorum: {stage['quorum']}: use 1 to replicas ({stage['replicas']})"
    if 2 * stage["quorum"] <= stage["replicas"]:
        return (
            f"quorum: {stage['quorum']} of {stage['replicas']} replicas is no majority, so "
            f"two results could both reach it: use at least {stage['replicas'] // 2 + 1}"
        )
    return _retries_problem(stage) or _parallel_problem(stage)


def _retries_problem(stage: "Stage") -> "str | None":
    if stage["retries"] >= MAX_JOB_ATTEMPTS:
        return f"retries: {stage['retries']}: use 0 to {MAX_JOB_ATTEMPTS - 1} (MAX_JOB_ATTEMPTS)"
    causes = stage["retry_causes"]
    if causes is None:
        return None
    if stage["retries"]:
        return "retries: leave it at 0 where retry_causes says how often"
    if stage["fetch"] is not None:
        return "retry_causes: a fetch stage has no commands; its downloads are tried again anyway"
    problem = retries_problem([(each["cause"], each["times"]) for each in causes])
    return None if problem is None else f"retry_causes: {problem}"


def _parallel_problem(stage: "Stage") -> "str | None":
    parallel = stage["parallel"]
    if parallel is None or 1 <= parallel <= MAX_PARALLEL:
        return None
    return f"parallel: {parallel}: use 1 to {MAX_PARALLEL} (MAX_PARALLEL)"


def _runtime_problem(stage: "Stage") -> "str | None":
    """These tool chains are in images: executors have no such tools of their own."""
    needs = stage["needs"]
    if needs is None or needs["image"] is None:
        for runtime in stage["runtime"]:
            if runtime in ("Azle", "Rust"):
                return f"runtime: {runtime} runs in an image: name one in needs.image"
    return None


def _word_problem(field: str, word: str) -> "str | None":
    if 0 < len(word) <= MAX_NEED_CHARS and word.isascii() and word.isprintable():
        return None
    return f"needs.{field}: use 1 to {MAX_NEED_CHARS} visible ASCII characters (MAX_NEED_CHARS)"


def _needs_problem(stage: "Stage") -> "str | None":
    needs = stage["needs"]
    if needs is None:
        return None
    if needs["cpus"] is not None and needs["cpus"] < 1:
        return "needs.cpus: must be at least 1"
    if len(needs["labels"]) > MAX_LABELS:
        return f"needs.labels: {len(needs['labels'])} of them, over {MAX_LABELS} (MAX_LABELS)"
    if len(set(needs["labels"])) != len(needs["labels"]):
        return "needs.labels: a label is named twice"
    lock = needs["image_lock"]
    if lock is not None:
        if needs["image"] is None:
            return "needs.image_lock: name the digest of the lock file in needs.image"
        problem = path_problem(lock)
        if problem is not None:
            return f"needs.image_lock: `{lock[:80]}`: {problem}"
    words = [("image", needs["image"]), ("region", needs["region"])]
    words += [("labels", label) for label in needs["labels"]]
    for field, word in words:
        problem = None if word is None else _word_problem(field, word)
        if problem is not None:
            return problem
    return None


def _grace_problem(stage: "Stage") -> "str | None":
    grace = stage["grace_seconds"]
    if grace is not None and grace > MAX_TIMEOUT_SECONDS:
        return (
            f"grace_seconds: at most {MAX_TIMEOUT_SECONDS}, the time that a round takes "
            "commitments (COMMIT_WINDOW_NS)"
        )
    return None


def _reports_problem(stage: "Stage") -> "str | None":
    reports = stage["reports"]
    if reports is None:
        return None
    tests = reports["tests"]
    if tests is None:
        return "reports: name a file in tests"
    problem = path_problem(tests)
    return None if problem is None else f"reports.tests: `{tests[:80]}`: {problem}"


def _group_problem(group: "str | None") -> "str | None":
    return None if group is None else name_problem("group", group)


def _own_problem(stage: "Stage") -> "str | None":
    """Problems that can be seen without the other stages."""
    return (
        _runtime_problem(stage)
        or _commands_problem(stage)
        or variables_problem(stage["environment"])
        or _resources_problem(stage["resources"])
        or _artifacts_problem(stage["artifacts"])
        or _votes_problem(stage)
        or _needs_problem(stage)
        or _grace_problem(stage)
        or fetch_problem(stage)
        or _reports_problem(stage)
        or cache_problem(stage)
        or _group_problem(stage["group"])
        or keep_problem(stage)
    )


def _links_problem(stage: "Stage", by_name: "dict[str, Stage]") -> "str | None":
    """Problems of `depends_on`, but for cycles."""
    wanted = stage["depends_on"]
    if len(set(wanted)) != len(wanted):
        return "depends_on: a stage is named twice"
    brought: dict[str, str] = {}
    for other in wanted:
        if other not in by_name:
            return f"depends_on: there is no stage `{other[:MAX_NAME_CHARS]}`"
        for path in by_name[other]["artifacts"]:
            if path in brought:
                return f"depends_on: {brought[path]} and {other} both bring the file {path}"
            brought[path] = other
    return None


def stages_problem(stages: "list[Stage]") -> "str | None":
    """Why a list of stages is no pipeline: "stage <name>: <field>: <what>", or None."""
    if not 1 <= len(stages) <= MAX_STAGES_PER_PIPELINE:
        return (
            f"stages: {len(stages)} of them: use 1 to {MAX_STAGES_PER_PIPELINE} "
            "(MAX_STAGES_PER_PIPELINE)"
        )
    by_name: dict[str, Stage] = {}
    for number, stage in enumerate(stages, 1):
        problem = name_problem("it", stage["name"])
        if problem is not None:
            return f"stage number {number}: name: {problem}"
        if stage["name"] in by_name:
            return f"stage {stage['name']}: name: two stages have it"
        by_name[stage["name"]] = stage
    for stage in stages:
        problem = _own_problem(stage) or _links_problem(stage, by_name)
        if problem is not None:
            return f"stage {stage['name']}: {problem}"
    cycle = find_cycle({stage["name"]: stage["depends_on"] for stage in stages})
    if cycle is not None:
        return f"stage {cycle[0]}: depends_on: a cycle, {' -> '.join(cycle)}"
    return None
