"""Why a stage failed, as the executors' logs tell it.

What operators agree on is one word that must be the same for all, such as `command`. Which command
it was, and how it ended, each executor writes at the end of its log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Run

TAIL_BYTES = 4_096
"""The line is the log's last but for what the attempts after it wrote."""
_MARK = "[dcanary] failed: "
_PAGE = 100


class Failure(NamedTuple):
    """`told` is what a log says of the failure (empty: nothing), `job` whose log that is."""

    job: str
    told: str


def failure_of(system: System, found: Run) -> Failure | None:
    """What is known of the failed stage of a run; None when no stage failed, or nobody built it."""
    failed = [stage["name"] for stage in found["stages"] if "Failed" in stage["state"]]
    if not failed:
        return None
    jobs = system.build_executor.list_jobs(found["run"], {"cursor": None, "limit": _PAGE})["items"]
    logs = [
        job
        for job in sorted(jobs, key=lambda job: job["replica"])
        if job["stage"] == failed[0] and "Committed" in job["state"] and job["log_bytes"]
    ]
    for job in logs:
        offset = max(0, job["log_bytes"] - TAIL_BYTES)
        tail = system.build_executor.get_log(job["job"], offset)["content"]
        told = last_failure(tail.decode(errors="replace"))
        if told:
            return Failure(job["job"], told)
    return Failure(logs[0]["job"], "") if logs else None


def last_failure(tail: str) -> str:
    """What the last line about a failure says; empty when there is none."""
    for line in reversed(tail.split("\n")):
        if line.startswith(_MARK):
            # `command: command 2 of 3 ended with exit code 1: make` says its kind twice.
            kind, _, detail = line.removeprefix(_MARK).partition(": ")
            return detail if kind == "command" and detail else line.removeprefix(_MARK)
    return ""
