"""Keys of stages and names of jobs. Plain Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canisters.build_executor.records import StageRecord


def stage_key(run: str, stage: str) -> str:
    return f"{run}/{stage}"


def key_of(stage: "StageRecord") -> str:
    return stage_key(stage["run"], stage["name"])


def job_name(stage: "StageRecord", replica: int) -> str:
    return f"{stage['run']}/{stage['name']}/{replica}"


def approval_message(run: str, target: str) -> str:
    """Name of the message about the approval request of a run's target."""
    return f"approval:{run}/{target}"


def report_message(run: str) -> str:
    """Name of the message that tells `webhook` where a run stands."""
    return f"report:{run}"


def is_open(stage: "StageRecord") -> bool:
    return "Building" in stage["state"] or "Storing" in stage["state"]
