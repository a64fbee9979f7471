"""From a run request to a run with its pipeline version, handed to `build_executor`."""

from kybra import Async, CallResult

from canisters.pipeline_config import outbox
from canisters.pipeline_config.pipelines import tables
from canisters.pipeline_config.records import StartRecord
from canisters.pipeline_config.store import starts, wiring
from shared.base.access import wired_siblings
from shared.base.results import refused_of
from shared.rules.deploys import deploys_of
from shared.rules.pull_requests import limit
from shared.rules.refused import not_found, unavailable
from shared.siblings import BuildExecutorService
from shared.types.errors import Done
from shared.types.run import RunRequest


def _fixed_version(request: RunRequest) -> StartRecord:
    """The version this run executes: that of its first request, else the current one, kept."""
    start = starts.get(request["run"])
    if start is not None:
        return start
    repository = request["source"]["repository"]
    head = tables.head_of(repository)
    if head is None:
        raise not_found(f"no pipeline is registered for repository {repository[:64]}")
    start = {
        "version": 1,
        "repository": repository,
        "pipeline_version": head["current"],
        "acknowledged": False,
    }
    starts.insert(request["run"], start)
    return start


def start(request: RunRequest) -> "Async[None]":
    """Hand the run on. A request that was acknowledged before sends nothing."""
    siblings = wired_siblings(wiring)
    chosen = _fixed_version(request)
    if chosen["acknowledged"]:
        return
    repository = chosen["repository"]
    pipeline = tables.version_of(repository, chosen["pipeline_version"])
    if pipeline is None:
        raise not_found(f"version {chosen['pipeline_version']} of the pipeline is gone")
    limit(pipeline["definition"], request["pull_request"])
    if deploys_of(pipeline["definition"]) and not tables.policy_is_known(repository):
        # A pipeline of before policies were pushed, or one whose push is still on its way.
        outbox.send_policy(repository)
    service = BuildExecutorService(siblings["build_executor"])
    answer: CallResult[Done] = yield service.enqueue_run(
        {
            "run": request["run"],
            "delivery": request["delivery"],
            "source": request["source"],
            "pipeline_version": chosen["pipeline_version"],
            "pipeline": pipeline["definition"],
            "started_by": request["started_by"],
            "pull_request": request["pull_request"],
        }
    )
    if answer.Err is not None:
        raise unavailable(f"build_executor did not answer: {answer.Err[:300]}")
    if "Err" in answer.Ok:
        raise refused_of(answer.Ok["Err"])
    chosen["acknowledged"] = True
    starts.insert(request["run"], chosen)
