"""From a run request to a run with its pipeline version, handed to `build_executor`."""

from kybra import Async, CallResult

from canisters.pipeline_config import book
from canisters.pipeline_config.store import StartRecord, starts, wiring
from shared.base.access import siblings_of
from shared.siblings import BuildExecutorService
from shared.types.errors import Done, not_found, unavailable
from shared.types.run import RunRequest


def _fixed_version(request: RunRequest) -> "StartRecord | None":
    """The version this run executes: that of its first request, else the current one, kept."""
    start = starts.get(request["run"])
    if start is not None:
        return start
    repository = request["source"]["repository"]
    head = book.head_of(repository)
    if head is None:
        return None
    start = {
        "version": 1,
        "repository": repository,
        "pipeline_version": head["current"],
        "acknowledged": False,
    }
    starts.insert(request["run"], start)
    return start


def start(request: RunRequest) -> "Async[Done]":
    """Hand the run on. A request that was acknowledged before is Ok and sends nothing."""
    siblings = siblings_of(wiring)
    if siblings is None:
        return {"Err": unavailable("pipeline_config is not wired yet: an owner must call wire")}
    chosen = _fixed_version(request)
    if chosen is None:
        repository = request["source"]["repository"]
        return {"Err": not_found(f"no pipeline is registered for repository {repository[:64]}")}
    if chosen["acknowledged"]:
        return {"Ok": None}
    pipeline = book.version_of(chosen["repository"], chosen["pipeline_version"])
    if pipeline is None:
        return {"Err": not_found(f"version {chosen['pipeline_version']} of the pipeline is gone")}
    service = BuildExecutorService(siblings["build_executor"])
    answer: CallResult[Done] = yield service.enqueue_run(
        {
            "run": request["run"],
            "delivery": request["delivery"],
            "source": request["source"],
            "pipeline_version": chosen["pipeline_version"],
            "pipeline": pipeline["definition"],
        }
    )
    if answer.Err is not None:
        return {"Err": unavailable(f"build_executor did not answer: {answer.Err[:300]}")}
    if "Ok" in answer.Ok:
        chosen["acknowledged"] = True
        starts.insert(request["run"], chosen)
    return answer.Ok
