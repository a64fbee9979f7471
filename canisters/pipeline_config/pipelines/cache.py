"""What a stage must be whose agreed result executors may use again. Plain Python.

A result may stand for another run only when it depends on nothing but what it is found by.
"""

from typing import TYPE_CHECKING

from canisters.pipeline_config.pipelines.paths import artifact_problem
from shared.rules.limits import MAX_ARTIFACTS_PER_STAGE

if TYPE_CHECKING:
    from shared.types.pipeline import Stage


def cache_problem(stage: "Stage") -> "str | None":
    """Why the cache of a stage is refused, or None; also for a stage without one."""
    cache = stage["cache"]
    if cache is None:
        return None
    inputs = cache["inputs"]
    if not 1 <= len(inputs) <= MAX_ARTIFACTS_PER_STAGE:
        return (
            f"cache.inputs: {len(inputs)} of them: use 1 to {MAX_ARTIFACTS_PER_STAGE} "
            "(MAX_ARTIFACTS_PER_STAGE)"
        )
    if len(set(inputs)) != len(inputs):
        return "cache.inputs: one is named twice"
    for path in inputs:
        problem = artifact_problem(path)
        if problem is not None:
            return f"cache.inputs: `{path[:80]}`: {problem}"
    if stage["secrets"]:
        return "cache: a result that secrets went into is never used again: leave one of both out"
    if stage["resources"]["network"]:
        return "cache: a result that the network went into is never used again: leave cache out"
    return None
