"""Entry points of the pipeline_config canister: decode, authorise, call the rules, encode."""

from kybra import (
    Async,
    Opt,
    Principal,
    Tuple,
    Vec,
    ic,
    init,
    inspect_message,
    nat32,
    nat64,
    post_upgrade,
    query,
    text,
    update,
    void,
)

from canisters.pipeline_config import book, editing, starting
from canisters.pipeline_config.store import grants, instruction_totals, wiring
from canisters.pipeline_config.trigger_sync import outbox
from shared.base import access
from shared.base.access import refuse_unless, refuse_unless_sibling, seed_owner, siblings_of
from shared.base.inspect import accept_unless_wasteful
from shared.base.metering import CALL_CONTEXT, counted, listed, summed
from shared.rules.limits import MAX_ARGUMENT_BYTES, VERSION
from shared.types.access import GrantPageResult, Health, Siblings
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


def caller() -> str:
    return ic.caller().to_str()


@init
def initialise() -> void:
    seed_owner(grants, caller())


@post_upgrade
def resume() -> void:
    outbox.wake()


@inspect_message
def inspect() -> void:
    accept_unless_wasteful((), MAX_ARGUMENT_BYTES)


@update
def register_pipeline(pipeline: PipelineInput) -> PipelineResult:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    result = editing.register(pipeline, ic.caller(), ic.time())
    return counted(instruction_totals, "register_pipeline", result)


@update
def update_pipeline(pipeline: PipelineInput) -> PipelineResult:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    result = editing.update(pipeline, ic.caller(), ic.time())
    return counted(instruction_totals, "update_pipeline", result)


@update
def update_pipeline_stages(repository: text, stages: Vec[Stage]) -> PipelineResult:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    result = editing.update_stages(repository, stages, ic.caller(), ic.time())
    return counted(instruction_totals, "update_pipeline_stages", result)


@update
def set_pipeline_triggers(repository: text, triggers: Vec[Trigger]) -> PipelineResult:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    result = editing.set_triggers(repository, triggers, ic.caller(), ic.time())
    return counted(instruction_totals, "set_pipeline_triggers", result)


@update
def delete_pipeline(repository: text) -> Done:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    return counted(instruction_totals, "delete_pipeline", editing.delete(repository))


@query
def get_pipeline_config(repository: text) -> PipelineResult:
    return editing.get(repository)


@query
def get_pipeline_version(repository: text, version: nat32) -> PipelineResult:
    return editing.get_version(repository, version)


@query
def list_pipelines(page: PageRequest) -> PipelinePageResult:
    return editing.list_current(page)


@query
def list_pipeline_versions(repository: text, page: PageRequest) -> PipelinePageResult:
    return editing.list_versions(repository, page)


@update
def start_run(request: RunRequest) -> Async[Done]:
    error = refuse_unless_sibling(wiring, caller(), "webhook")
    if error is not None:
        return {"Err": error}
    done: Done = yield from starting.start(request)
    return counted(instruction_totals, "start_run", done, CALL_CONTEXT)


@update
def wire(siblings: Siblings) -> Done:
    done = access.wire(wiring, grants, caller(), siblings)
    if "Ok" in done:
        outbox.wake()
    return counted(instruction_totals, "wire", done)


@query
def siblings() -> Opt[Siblings]:
    return siblings_of(wiring)


@update
def grant_role(principal: Principal, role: text) -> Done:
    done = access.grant_role(grants, caller(), principal.to_str(), role)
    return counted(instruction_totals, "grant_role", done)


@update
def revoke_role(principal: Principal, role: text) -> Done:
    done = access.revoke_role(grants, caller(), principal.to_str(), role)
    return counted(instruction_totals, "revoke_role", done)


@query
def list_grants(page: PageRequest) -> GrantPageResult:
    return access.list_grants(grants, page)


@query
def instructions() -> Vec[Tuple[text, nat64]]:
    return listed(instruction_totals)


@query
def health() -> Health:
    return {
        "name": "pipeline_config",
        "version": VERSION,
        "wired": siblings_of(wiring) is not None,
        "records": book.count(book.ALL_VERSIONS),
        "open": outbox.open_count(),
        "cycles": ic.canister_balance128(),
        "instructions": summed(instruction_totals),
    }
