"""What jobs used: which of a stage used far more than the others, and the days of a list."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from dcanary.cli.paging import page

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Job, JobUsage, UsageDay, UsageOf

OUTLIER = 3.0
"""Over so many times the median of its stage, what a job used is an outlier."""
_SECOND_NS = 1_000_000_000
_MIB = 1_024 * 1_024
_PAGE = 100


class Outlier(TypedDict):
    """A figure of a job that is far over those of the others of its stage."""

    what: str
    value: int
    median: int


class _Figure(NamedTuple):
    """`least`: a job that is less than this over the median is none, whatever the ratio: small
    figures differ by the noise of the machine."""

    key: str
    what: str
    least: int


_FIGURES = (
    _Figure("wall_ns", "time", 2 * _SECOND_NS),
    _Figure("cpu_ns", "CPU time", 2 * _SECOND_NS),
    _Figure("peak_memory_bytes", "memory", 32 * _MIB),
    _Figure("storage_bytes", "storage", 32 * _MIB),
    _Figure("fetched_bytes", "fetched bytes", 32 * _MIB),
)


def outliers(
    jobs: Iterable[Job], agreeing: Mapping[str, Sequence[str]]
) -> dict[str, list[Outlier]]:
    """By job: which figures are over OUTLIER times the median of those that agreed in its stage.

    `agreeing` names the jobs of each stage's verdict. Where fewer than two of them were measured,
    nothing is said: their result is the same, and only so their work can be compared. Jobs that
    used an earlier result again did none of it.
    """
    found: dict[str, list[Outlier]] = {}
    stages: dict[str, list[Job]] = {}
    for job in jobs:
        if job["job"] in agreeing.get(job["stage"], ()) and job["reused"] is None:
            stages.setdefault(job["stage"], []).append(job)
    for agreed in stages.values():
        for figure in _FIGURES:
            for name, one in _far_over(agreed, figure):
                found.setdefault(name, []).append(one)
    return found


def _far_over(jobs: Sequence[Job], figure: _Figure) -> list[tuple[str, Outlier]]:
    measured = {
        job["job"]: value
        for job in jobs
        if job["usage"] is not None and (value := value_of(job["usage"], figure.key)) is not None
    }
    if len(measured) < 2:
        return []
    found: list[tuple[str, Outlier]] = []
    for job, value in measured.items():
        # Of two, either would be near a median that it is half of: each is held to the others.
        others = round(statistics.median(each for name, each in measured.items() if name != job))
        if value > OUTLIER * others and value - others > figure.least:
            found.append((job, {"what": figure.what, "value": value, "median": others}))
    return found


def value_of(usage: JobUsage, key: str) -> int | None:
    """A figure by its name; None where it was not measured."""
    found: Mapping[str, object] = {**usage}
    value = found[key]
    return value if isinstance(value, int) else None


def recent_days(system: System, of: UsageOf, since: int) -> list[UsageDay]:
    """The days of a list from the day `since` on (UTC days since 1970), the last first."""
    found: list[UsageDay] = []
    cursor: str | None = None
    while True:
        got = system.build_executor.list_usage(of, page(_PAGE, cursor))
        recent = [day for day in got["items"] if day["day"] >= since]
        found += recent
        cursor = got["next"]
        if cursor is None or len(recent) < len(got["items"]):
            return found
