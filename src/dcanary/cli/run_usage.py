"""`dcanary run show --usage`: what the jobs of a run used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dcanary.cli.operations.job_logs import jobs_of
from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.usage import Outlier, outliers
from dcanary.cli.times import seconds, size

if TYPE_CHECKING:
    from dcanary.cli.context import Context
    from dcanary.client.types.build_executor import Job
    from dcanary.client.types.verification import Round

COLUMNS = (
    "job:id",
    "operator:text:1",
    "time:id",
    "CPU time:id",
    "memory:id:2",
    "storage:id:3",
    "fetched:id:4",
    "remark:text",
)


def usage_of(
    context: Context, run: str, rounds: Mapping[str, Round]
) -> list[tuple[Job, list[Outlier]]]:
    """The jobs of a run that were committed, each with what of it is far over the others'."""
    jobs = jobs_of(context.system, run, Patience(context.output.progress))
    agreeing = {
        name: each["verdict"]["jobs"]
        for name, each in rounds.items()
        if each["verdict"] is not None and "Agreed" in each["verdict"]["kind"]
    }
    far = outliers(jobs, agreeing)
    return [(job, far.get(job["job"], [])) for job in jobs if job["usage"] is not None]


def json_of(found: Sequence[tuple[Job, list[Outlier]]]) -> list[dict[str, object]]:
    """What was used, for programs."""
    return [
        {
            "job": job["job"],
            "stage": job["stage"],
            "operator": job["operator"],
            **(job["usage"] or {}),
            "outliers": far,
        }
        for job, far in found
    ]


def line_of(job: Job, far: Sequence[Outlier]) -> dict[str, object]:
    """What a job used as a row."""
    used = job["usage"]
    assert used is not None
    return {
        "job": job["job"],
        "operator": job["operator"],
        "time": seconds(used["wall_ns"]),
        "CPU time": _seconds(used["cpu_ns"]),
        # The executor's own memory is that of all its slots.
        "memory": size(used["peak_memory_bytes"]) if used["peak_memory_bytes"] else "-",
        "storage": _size(used["storage_bytes"]),
        "fetched": _size(used["fetched_bytes"]),
        "remark": _remarks(job, far),
    }


def remark(one: Outlier) -> str:
    """An outlier in words."""
    if not one["median"]:
        return f"{one['what']}: the others need none"
    return f"{one['what']} {one['value'] / one['median']:.1f} times the others'"


def _remarks(job: Job, far: Sequence[Outlier]) -> str:
    if job["reused"] is not None:
        return f"the result of {job['reused']}, used again"
    return ", ".join(remark(each) for each in far) or "-"


def _seconds(ns: int | None) -> str:
    return "-" if ns is None else seconds(ns)


def _size(count: int | None) -> str:
    return "-" if count is None else size(count)
