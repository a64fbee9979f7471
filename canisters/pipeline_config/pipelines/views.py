"""Reading pipelines and their versions."""

from canisters.pipeline_config.pipelines import tables
from shared.base.pages import collect
from shared.rules.refused import Refused, not_found
from shared.types.paging import PageRequest
from shared.types.pipeline import Pipeline, PipelinePage


def no_pipeline(repository: str) -> Refused:
    """The refusal for a repository without a pipeline."""
    return not_found(
        f"no pipeline is registered for repository {repository[:64]}: register_pipeline makes one"
    )


def current(repository: str) -> Pipeline:
    """The version that new runs execute."""
    pipeline = tables.current_of(repository)
    if pipeline is None:
        raise no_pipeline(repository)
    return pipeline


def version(repository: str, number: int) -> Pipeline:
    """One version, also of a pipeline that was deleted: runs refer to its versions."""
    pipeline = tables.version_of(repository, number)
    if pipeline is None:
        raise not_found(f"the pipeline of repository {repository[:64]} has no version {number}")
    return pipeline


def list_current(page: PageRequest) -> PipelinePage:
    """The current version of each pipeline, newest pipeline first."""
    items, after = collect(tables.count(tables.PIPELINES), page, tables.pipeline_at)
    return {"items": items, "next": after}


def list_versions(repository: str, page: PageRequest) -> PipelinePage:
    """All versions of one pipeline, newest first."""
    total = tables.last_version(repository)
    if total == 0:
        raise no_pipeline(repository)
    items, after = collect(total, page, lambda number: tables.version_of(repository, number + 1))
    return {"items": items, "next": after}
