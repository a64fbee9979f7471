"""What may be run, and which states a run can come into. Plain Python; refusals are raised."""

from typing import TYPE_CHECKING

from canisters.build_executor.runs import graph
from shared.rules.limits import MAX_QUEUE_NS, MAX_TEXT_CHARS, SECOND_NS
from shared.rules.refused import invalid, too_large

if TYPE_CHECKING:
    from canisters.build_executor.records import RunRecord
    from shared.types.pipeline import PipelineInput
    from shared.types.run import RunSpec, RunState


def check_spec(spec: "RunSpec") -> None:
    """Raise Refused for a run that cannot be executed."""
    source = spec["source"]
    if not graph.is_name(spec["run"]):
        raise invalid("run: the id is not a name of 1 to 64 of a-z A-Z 0-9 . _ -")
    if not graph.is_name(source["repository"]):
        raise invalid("source.repository is not a name of 1 to 64 of a-z A-Z 0-9 . _ -")
    for field, text in (
        ("delivery", spec["delivery"]),
        ("source.clone_url", source["clone_url"]),
        ("source.ref", source["ref"]),
        ("source.sha", source["sha"]),
        ("source.message", source["message"]),
        ("source.author", source["author"]),
    ):
        if len(text) > MAX_TEXT_CHARS:
            raise too_large(f"{field} has {len(text)} characters, over {MAX_TEXT_CHARS}")
    why = graph.problem(spec["pipeline"]["stages"])
    if why is not None:
        raise invalid(f"pipeline of {source['repository']}: {why}")
    deploy = spec["pipeline"]["deploy"]
    if deploy is not None and graph.find(spec["pipeline"]["stages"], deploy["stage"]) is None:
        raise invalid(f"deploy.stage {deploy['stage'][:64]} is not a stage of this pipeline")


def queue_ns(pipeline: "PipelineInput") -> int:
    """How long a stage of this pipeline may wait for executors."""
    seconds = pipeline["queue_seconds"]
    return MAX_QUEUE_NS if seconds is None else min(seconds * SECOND_NS, MAX_QUEUE_NS)


def is_building(record: "RunRecord") -> bool:
    """Whether stages of the run may still be at work."""
    return "Queued" in record["state"] or "Running" in record["state"]


def is_asking(record: "RunRecord") -> bool:
    """Whether the run's approval request stands undecided, or is about to be made."""
    return "Approving" in record["state"] or (is_building(record) and record["approval_by_ns"] > 0)


def after_notice(record: "RunRecord", approval: str, word: str, why: str) -> "RunState | None":
    """The state that a notice of `verification` leads to; None when it changes nothing.

    Rejected and succeeded runs stay what they are. A failed release may be tried again.
    """
    if record["approval"] != approval:
        return None
    state = record["state"]
    failed = "Failed" in state and record["release_error"] is not None
    # Runs of 0.1.0 had succeeded as soon as people were asked.
    asked = "Approving" in state or ("Succeeded" in state and record["release"] is None)
    if not (asked or failed or "Releasing" in state):
        return None
    if word == "Releasing":
        return {"Releasing": None}
    if word == "Released":
        return {"Succeeded": None}
    if word == "Rejected":
        return {"Rejected": why[:MAX_TEXT_CHARS]}
    if word == "Failed":
        return {"Failed": why[:MAX_TEXT_CHARS]}
    return None
