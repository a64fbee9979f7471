"""What is counted of what executors say that a job used. Plain Python.

The numbers are claims. None can be so large that it makes the sums of a day say nothing: each is
counted up to what the stage's own limits and lease allow.
"""

from typing import TYPE_CHECKING

from canisters.build_executor.jobs.rules import longest_lease_ns
from shared.rules.limits import MAX_COUNTED_BYTES, MAX_COUNTED_CPUS, SECOND_NS

if TYPE_CHECKING:
    from canisters.build_executor.records import JobRow, StageRecord, UsageRecord
    from shared.types.usage import JobUsage, UsageDay

DAY_NS = 86_400 * SECOND_NS
MAX_SUM = 2**64 - 1


def list_of(kind: str, name: str) -> str:
    """Name of the list of days of a repository or an operator."""
    return f"{kind}/{name}"


def of_job(job: "JobRow") -> "JobUsage | None":
    """What a job used, as its executor said; None until it is committed."""
    if "Committed" not in job["state"]:
        return None
    return {
        "wall_ns": job["wall_ns"],
        "cpu_ns": job["cpu_ns"],
        "peak_memory_bytes": job["peak_memory_bytes"],
        "storage_bytes": job["storage_bytes"],
        "fetched_bytes": job["fetched_bytes"],
    }


def nothing(day: int) -> "UsageRecord":
    return {
        "version": 1,
        "day": day,
        "jobs": 0,
        "wall_ns": 0,
        "cpu_ns": 0,
        "peak_memory_bytes": 0,
        "storage_bytes": 0,
        "fetched_bytes": 0,
    }


def add(record: "UsageRecord", stage: "StageRecord", job: "JobRow") -> None:
    """Add a job to the sums of a day."""
    longest_ns = longest_lease_ns(stage)
    record["jobs"] += 1
    record["wall_ns"] = _sum(record["wall_ns"], job["wall_ns"], longest_ns)
    record["cpu_ns"] = _sum(record["cpu_ns"], job["cpu_ns"], MAX_COUNTED_CPUS * longest_ns)
    record["fetched_bytes"] = _sum(record["fetched_bytes"], job["fetched_bytes"], MAX_COUNTED_BYTES)
    record["peak_memory_bytes"] = _most(record["peak_memory_bytes"], job["peak_memory_bytes"])
    record["storage_bytes"] = _most(record["storage_bytes"], job["storage_bytes"])


def shown(record: "UsageRecord") -> "UsageDay":
    return {
        "day": record["day"],
        "jobs": record["jobs"],
        "wall_ns": record["wall_ns"],
        "cpu_ns": record["cpu_ns"],
        "peak_memory_bytes": record["peak_memory_bytes"],
        "storage_bytes": record["storage_bytes"],
        "fetched_bytes": record["fetched_bytes"],
    }


def _sum(before: int, said: "int | None", most: int) -> int:
    return min(before + min(said or 0, most), MAX_SUM)


def _most(before: int, said: "int | None") -> int:
    return max(before, min(said or 0, MAX_COUNTED_BYTES))
