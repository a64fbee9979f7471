"""After which ends of a stage an executor tries its commands again, and how often. Plain Python.

`shared/rules/retries.py` says the same in the canisters; a test compares them.
"""

from dcanary.pipeline.limits import MAX_JOB_ATTEMPTS

MAX_RETRIES = MAX_JOB_ATTEMPTS - 1
TIME_LIMIT = "time_limit"
CAUSES = ("command", TIME_LIMIT, "memory_limit", "process_limit")
"""Ends that another try may not have: they depend on the machine and on what ran beside."""
REFUSED = {
    "storage_limit": "a stage writes as much each time: give it more storage",
    "output_limit": "a stage prints as much each time: give it more output",
    "artifact": "all commands succeeded: let one of them fail when its result is not there",
    "weather": "what servers and the network did is tried again anyway, as often as it takes",
    "lost": "a job whose executor is gone is given to another one anyway",
}
"""Why other ends are not tried again."""


def retries_of(value: object) -> int | dict[str, int]:
    """Retries as a `dcanary.yml` has them: a number, for commands, or a number for each cause.

    Raises ValueError for others.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= MAX_RETRIES:
            raise ValueError(
                f"must be {'at most ' + str(MAX_RETRIES) if value > 0 else 'at least 0'}"
            )
        return value
    if not isinstance(value, dict):
        raise ValueError("must be a whole number, or a mapping of causes to numbers")
    found: dict[str, int] = {}
    for cause, times in value.items():
        if isinstance(times, bool) or not isinstance(times, int):
            raise ValueError(f"{cause}: must be a whole number")
        found[str(cause)] = times
    problem = retries_problem(list(found.items()))
    if problem is not None:
        raise ValueError(problem)
    return found


def cause_problem(cause: str) -> str | None:
    """Why there are no retries for a cause, or None."""
    if cause in CAUSES:
        return None
    return REFUSED.get(cause) or f"use {', '.join(CAUSES)}"


def retries_problem(times: list[tuple[str, int]]) -> str | None:
    """Why retries by cause are refused, or None. `times` are (cause, number)."""
    if not times:
        return "name a cause, or leave it out"
    causes = [cause for cause, _ in times]
    for cause, number in times:
        problem = cause_problem(cause)
        if problem is not None:
            return f"{cause[:40]}: {problem}"
        if causes.count(cause) > 1:
            return f"{cause}: is there twice"
        if not 1 <= number <= MAX_RETRIES:
            return f"{cause}: {number}: use 1 to {MAX_RETRIES}"
    total = sum(number for _, number in times)
    if total > MAX_RETRIES:
        return f"{total} together: at most {MAX_RETRIES}"
    return None
