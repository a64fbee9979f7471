"""After which ends of a stage an executor tries its commands again, and how often. Plain Python.

`src/dcanary/pipeline/retries.py` says the same on the host; a test compares them.
"""

from typing import TYPE_CHECKING

from shared.rules.limits import MAX_JOB_ATTEMPTS

if TYPE_CHECKING:
    from shared.types.pipeline import RetryCause

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


def timeouts_of(causes: "list[RetryCause] | None") -> int:
    """How many times a stage may run into its timeout before that ends it."""
    return 1 + sum(each["times"] for each in causes or [] if each["cause"] == TIME_LIMIT)


def cause_problem(cause: str) -> "str | None":
    """Why there are no retries for a cause, or None."""
    if cause in CAUSES:
        return None
    return REFUSED.get(cause) or f"use {', '.join(CAUSES)}"


def retries_problem(times: "list[tuple[str, int]]") -> "str | None":
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
