"""Entry points of the webhook canister: decode, authorise, call the rules, encode."""

from kybra import (
    Vec,
    blob,
    ic,
    post_upgrade,
    query,
    text,
    update,
    void,
)

from canisters.webhook import ledger, lists, registry, replies, runs
from canisters.webhook.dispatch import outbox
from canisters.webhook.store import grants, instruction_totals, wiring
from shared.base.access import refuse_unless, refuse_unless_sibling
from shared.base.canister import ANYONE, Canister, serve
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
from shared.base.metering import counted
from shared.base.results import answer_query
from shared.types.errors import Done
from shared.types.http import HttpRequest, HttpResponse
from shared.types.paging import PageRequest
from shared.types.pipeline import Trigger
from shared.types.release import TextResult
from shared.types.repository import (
    DeliveryPageResult,
    DeliveryResult,
    ManualTrigger,
    RepositoryInput,
    RepositoryPageResult,
    RepositoryResult,
)

serve(
    Canister(
        name="webhook",
        grants=grants,
        wiring=wiring,
        totals=instruction_totals,
        callers={
            "http_request_update": ANYONE,
            "register_repository": "Admin",
            "rotate_secret": "Admin",
            "drop_old_secret": "Admin",
            "delete_repository": "Admin",
            "trigger_run": "Operator",
            "replay_delivery": "Operator",
            "sync_triggers": "pipeline_config",
        },
        records=lambda: ledger.count(ledger.ALL_DELIVERIES),
        open_work=outbox.open_count,
        wired=outbox.wake,
    )
)


def caller() -> str:
    return ic.caller().to_str()


@post_upgrade
def resume() -> void:
    outbox.wake()


@query
def http_request(request: HttpRequest) -> HttpResponse:
    return replies.query_reply(request)


@update
def http_request_update(request: HttpRequest) -> HttpResponse:
    reply = runs.receive(request, ic.time())
    return counted(instruction_totals, "http_request_update", reply)


@update
def register_repository(repository: RepositoryInput) -> RepositoryResult:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    result = registry.register(repository, ic.caller(), ic.time())
    return counted(instruction_totals, "register_repository", result)


@update
def rotate_secret(repository: text, secret: blob) -> Done:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    return counted(instruction_totals, "rotate_secret", registry.rotate_secret(repository, secret))


@update
def drop_old_secret(repository: text) -> Done:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    return counted(instruction_totals, "drop_old_secret", registry.drop_old_secret(repository))


@update
def delete_repository(repository: text) -> Done:
    error = refuse_unless(grants, caller(), "Admin")
    if error is not None:
        return {"Err": error}
    return counted(instruction_totals, "delete_repository", registry.delete(repository))


@query
def get_repository(repository: text) -> RepositoryResult:
    return registry.get(repository)


@query
def list_repositories(page: PageRequest) -> RepositoryPageResult:
    return answer_query(lambda: lists.repositories(page))


@query
def get_delivery(repository: text, delivery: text) -> DeliveryResult:
    return answer_query(lambda: lists.delivery(repository, delivery))


@query
def list_deliveries(repository: text, page: PageRequest) -> DeliveryPageResult:
    return answer_query(lambda: lists.deliveries(repository, page))


@update
def trigger_run(trigger: ManualTrigger) -> TextResult:
    error = refuse_unless(grants, caller(), "Operator")
    if error is not None:
        return {"Err": error}
    result = runs.start_by_hand(trigger, caller(), ic.time())
    return counted(instruction_totals, "trigger_run", result)


@update
def replay_delivery(repository: text, delivery: text) -> TextResult:
    error = refuse_unless(grants, caller(), "Operator")
    if error is not None:
        return {"Err": error}
    return counted(instruction_totals, "replay_delivery", runs.replay(repository, delivery))


@update
def sync_triggers(repository: text, triggers: Vec[Trigger]) -> Done:
    error = refuse_unless_sibling(wiring, caller(), "pipeline_config")
    if error is not None:
        return {"Err": error}
    ledger.set_triggers(repository, triggers)
    done: Done = {"Ok": None}
    return counted(instruction_totals, "sync_triggers", done)
