"""Entry points of the pipeline_config canister."""

from kybra import Async, Vec, ic, nat32, post_upgrade, query, text, update, void

from canisters.pipeline_config.outbox import outbox
from canisters.pipeline_config.pipelines import service, tables, views
from canisters.pipeline_config.runs import service as runs
from canisters.pipeline_config.store import grants, instruction_totals, wiring
from shared.base.canister import Canister, serve
from shared.base.endpoints import (
    grant_role,
    health,
    initialise,
    inspect,
    instructions,
    list_grants,
    revoke_role,
    siblings,
    wire,
)
from shared.base.results import answer, answer_async, answer_query
from shared.types.errors import Done
from shared.types.paging import PageRequest
from shared.types.pipeline import (
    PipelineInput,
    PipelinePageResult,
    PipelineResult,
    Stage,
    Trigger,
)
from shared.types.run import RunRequest

serve(
    Canister(
        name="pipeline_config",
        grants=grants,
        wiring=wiring,
        totals=instruction_totals,
        callers={
            "register_pipeline": "Admin",
            "update_pipeline": "Admin",
            "update_pipeline_stages": "Admin",
            "set_pipeline_triggers": "Admin",
            "delete_pipeline": "Admin",
            "start_run": "webhook",
        },
        records=lambda: tables.count(tables.ALL_VERSIONS),
        open_work=outbox.open_count,
        wired=outbox.wake,
    )
)


@post_upgrade
def resume() -> void:
    outbox.wake()


@update
def register_pipeline(pipeline: PipelineInput) -> PipelineResult:
    return answer("register_pipeline", lambda: service.register(pipeline, ic.caller(), ic.time()))


@update
def update_pipeline(pipeline: PipelineInput) -> PipelineResult:
    return answer("update_pipeline", lambda: service.update(pipeline, ic.caller(), ic.time()))


@update
def update_pipeline_stages(repository: text, stages: Vec[Stage]) -> PipelineResult:
    return answer(
        "update_pipeline_stages",
        lambda: service.update_stages(repository, stages, ic.caller(), ic.time()),
    )


@update
def set_pipeline_triggers(repository: text, triggers: Vec[Trigger]) -> PipelineResult:
    return answer(
        "set_pipeline_triggers",
        lambda: service.set_triggers(repository, triggers, ic.caller(), ic.time()),
    )


@update
def delete_pipeline(repository: text) -> Done:
    return answer("delete_pipeline", lambda: service.delete(repository))


@query
def get_pipeline_config(repository: text) -> PipelineResult:
    return answer_query(lambda: views.current(repository))


@query
def get_pipeline_version(repository: text, version: nat32) -> PipelineResult:
    return answer_query(lambda: views.version(repository, version))


@query
def list_pipelines(page: PageRequest) -> PipelinePageResult:
    return answer_query(lambda: views.list_current(page))


@query
def list_pipeline_versions(repository: text, page: PageRequest) -> PipelinePageResult:
    return answer_query(lambda: views.list_versions(repository, page))


@update
def start_run(request: RunRequest) -> Async[Done]:
    return answer_async("start_run", lambda: runs.start(request))
