"""Registering, changing, reading and deleting pipelines. Callers have been authorised."""

from kybra import Principal

from canisters.pipeline_config import book, trigger_sync
from canisters.pipeline_config.validation import pipeline_fault
from shared.base.pages import collect
from shared.rules.limits import MAX_OPEN_SYNCS
from shared.types.errors import Done, Error, conflict, exhausted, invalid, not_found
from shared.types.paging import PageRequest
from shared.types.pipeline import (
    PipelineInput,
    PipelinePageResult,
    PipelineResult,
    Stage,
    Trigger,
)


def _no_pipeline(repository: str) -> Error:
    return not_found(
        f"no pipeline is registered for repository {repository[:64]}: register_pipeline makes one"
    )


def _no_room(repository: str) -> "Error | None":
    if trigger_sync.has_room(repository):
        return None
    return exhausted(
        f"{MAX_OPEN_SYNCS} changes of triggers wait for the webhook canister (MAX_OPEN_SYNCS): "
        "try again later"
    )


def _store(definition: PipelineInput, author: Principal, now_ns: int) -> PipelineResult:
    fault = pipeline_fault(definition)
    if fault is not None:
        return {"Err": invalid(fault)}
    full = _no_room(definition["repository"])
    if full is not None:
        return {"Err": full}
    before = book.current_of(definition["repository"])
    pipeline = book.add_version(definition, author, now_ns)
    if before is None or before["definition"]["triggers"] != definition["triggers"]:
        trigger_sync.send(definition["repository"])
    return {"Ok": pipeline}


def register(definition: PipelineInput, author: Principal, now_ns: int) -> PipelineResult:
    repository = definition["repository"]
    if book.head_of(repository) is not None:
        return {
            "Err": conflict(f"repository {repository} has a pipeline already: use update_pipeline")
        }
    return _store(definition, author, now_ns)


def update(definition: PipelineInput, author: Principal, now_ns: int) -> PipelineResult:
    if book.head_of(definition["repository"]) is None:
        return {"Err": _no_pipeline(definition["repository"])}
    return _store(definition, author, now_ns)


def update_stages(
    repository: str, stages: "list[Stage]", author: Principal, now_ns: int
) -> PipelineResult:
    current = book.current_of(repository)
    if current is None:
        return {"Err": _no_pipeline(repository)}
    definition = current["definition"]
    definition["stages"] = stages
    return _store(definition, author, now_ns)


def set_triggers(
    repository: str, triggers: "list[Trigger]", author: Principal, now_ns: int
) -> PipelineResult:
    current = book.current_of(repository)
    if current is None:
        return {"Err": _no_pipeline(repository)}
    definition = current["definition"]
    definition["triggers"] = triggers
    return _store(definition, author, now_ns)


def delete(repository: str) -> Done:
    if book.head_of(repository) is None:
        return {"Err": _no_pipeline(repository)}
    full = _no_room(repository)
    if full is not None:
        return {"Err": full}
    book.remove(repository)
    trigger_sync.send(repository)
    return {"Ok": None}


def get(repository: str) -> PipelineResult:
    pipeline = book.current_of(repository)
    return {"Err": _no_pipeline(repository)} if pipeline is None else {"Ok": pipeline}


def get_version(repository: str, version: int) -> PipelineResult:
    """Also of a pipeline that was deleted: runs refer to its versions."""
    pipeline = book.version_of(repository, version)
    if pipeline is None:
        sentence = f"the pipeline of repository {repository[:64]} has no version {version}"
        return {"Err": not_found(sentence)}
    return {"Ok": pipeline}


def list_current(page: PageRequest) -> PipelinePageResult:
    found = collect(book.count(book.PIPELINES), page, book.pipeline_at)
    if isinstance(found, str):
        return {"Err": invalid(found)}
    return {"Ok": {"items": found[0], "next": found[1]}}


def list_versions(repository: str, page: PageRequest) -> PipelinePageResult:
    total = book.last_version(repository)
    if total == 0:
        return {"Err": _no_pipeline(repository)}
    found = collect(total, page, lambda number: book.version_of(repository, number + 1))
    if isinstance(found, str):
        return {"Err": invalid(found)}
    return {"Ok": {"items": found[0], "next": found[1]}}
