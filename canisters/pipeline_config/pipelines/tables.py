"""Pipelines in the stable maps: keeps heads, versions, order and counters in step.

Each function costs a fixed number of look-ups.
"""

from kybra import Principal

from canisters.pipeline_config.records import HeadRecord
from canisters.pipeline_config.store import counters, heads, pipeline_order, versions
from shared.types.pipeline import Pipeline, PipelineInput

PIPELINES = "pipelines"
ALL_VERSIONS = "versions"


def count(name: str) -> int:
    return counters.get(name) or 0


def version_key(repository: str, version: int) -> str:
    return f"{repository}/{version}"


def head_of(repository: str) -> "HeadRecord | None":
    """The head of a pipeline that exists, None for one that was deleted or never was."""
    head = heads.get(repository)
    return None if head is None or head["deleted"] else head


def last_version(repository: str) -> int:
    """The newest version number ever given to this repository, 0 without one."""
    head = heads.get(repository)
    return 0 if head is None else head["current"]


def version_of(repository: str, version: int) -> "Pipeline | None":
    stored = versions.get(version_key(repository, version))
    return None if stored is None else stored["pipeline"]


def current_of(repository: str) -> "Pipeline | None":
    head = head_of(repository)
    return None if head is None else version_of(repository, head["current"])


def add_version(definition: PipelineInput, author: Principal, now_ns: int) -> Pipeline:
    """Append a version, and the pipeline itself when it does not exist (or exist any more).

    A pipeline registered again after its deletion goes on counting versions, so that
    (repository, version) names one definition for ever.
    """
    repository = definition["repository"]
    version = last_version(repository) + 1
    pipeline: Pipeline = {
        "version": version,
        "created_ns": now_ns,
        "author": author,
        "definition": definition,
    }
    versions.insert(version_key(repository, version), {"version": 1, "pipeline": pipeline})
    counters.insert(ALL_VERSIONS, count(ALL_VERSIONS) + 1)
    head = head_of(repository)
    if head is None:
        number = count(PIPELINES)
        pipeline_order.insert(number, repository)
        counters.insert(PIPELINES, number + 1)
        head = {"version": 1, "number": number, "current": version, "deleted": False}
    head["current"] = version
    heads.insert(repository, head)
    return pipeline


def remove(repository: str) -> bool:
    """Delete a pipeline, not its versions; False when there is none.

    The last in the list takes the freed place, so that the list stays dense.
    """
    head = head_of(repository)
    if head is None:
        return False
    last_number = count(PIPELINES) - 1
    last = pipeline_order.remove(last_number)
    if last is not None and last != repository:
        moved = heads.get(last)
        if moved is not None:
            moved["number"] = head["number"]
            heads.insert(last, moved)
            pipeline_order.insert(head["number"], last)
    counters.insert(PIPELINES, last_number)
    head["deleted"] = True
    heads.insert(repository, head)
    return True


def pipeline_at(number: int) -> "Pipeline | None":
    repository = pipeline_order.get(number)
    return None if repository is None else current_of(repository)


def note_policy(repository: str, version: int) -> None:
    """`verification` has the approval policy of this version."""
    counters.insert(f"policy/{repository}", version)


def policy_is_known(repository: str) -> bool:
    """Whether `verification` has the current version's approval policy."""
    return count(f"policy/{repository}") == last_version(repository)
