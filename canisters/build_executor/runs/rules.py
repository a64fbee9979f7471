"""What may be run, and which states a run can come into. Plain Python; refusals are raised."""

from typing import TYPE_CHECKING

from canisters.build_executor.runs import graph
from shared.rules import deploys
from shared.rules.limits import MAX_QUEUE_NS, MAX_TEXT_CHARS, SECOND_NS
from shared.rules.refused import invalid, too_large

if TYPE_CHECKING:
    from canisters.build_executor.records import RunRecord
    from shared.types.pipeline import PipelineInput
    from shared.types.run import RunSpec


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
    pull_request = spec["pull_request"]
    if pull_request is not None and pull_request["fork"] and deploys.deploys_of(spec["pipeline"]):
        raise invalid("a run of a fork's pull request deploys nothing: take its deploys out")
    why = graph.problem(spec["pipeline"]["stages"])
    if why is not None:
        raise invalid(f"pipeline of {source['repository']}: {why}")
    why = deploys.problem(spec["pipeline"])
    if why is not None:
        raise invalid(f"pipeline of {source['repository']}: {why}")
    for position, deploy in enumerate(deploys.deploys_of(spec["pipeline"])):
        if graph.find(spec["pipeline"]["stages"], deploy["stage"]) is None:
            field = deploys.field_of(spec["pipeline"], position)
            raise invalid(f"{field}.stage {deploy['stage'][:64]} is not a stage of this pipeline")


def queue_ns(pipeline: "PipelineInput") -> int:
    """How long a stage of this pipeline may wait for executors."""
    seconds = pipeline["queue_seconds"]
    return MAX_QUEUE_NS if seconds is None else min(seconds * SECOND_NS, MAX_QUEUE_NS)


def is_building(record: "RunRecord") -> bool:
    """Whether stages of the run may still be at work."""
    return "Queued" in record["state"] or "Running" in record["state"]
