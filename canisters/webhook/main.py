"""Entry points of the webhook canister: decode, authorise, call the rules, encode."""

from kybra import (
    Opt,
    Principal,
    Tuple,
    Vec,
    blob,
    ic,
    init,
    inspect_message,
    nat64,
    post_upgrade,
    query,
    text,
    update,
    void,
)

from canisters.webhook import ledger, lists, registry, replies, runs
from canisters.webhook.dispatch import outbox
from canisters.webhook.store import grants, instruction_totals, wiring
from shared.base import access
from shared.base.access import refuse_unless, refuse_unless_sibling, seed_owner, siblings_of
from shared.base.inspect import accept_unless_wasteful
from shared.base.metering import counted, listed, summed
from shared.rules.limits import MAX_ARGUMENT_BYTES, VERSION
from shared.types.access import GrantPageResult, Health, Siblings
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
    accept_unless_wasteful(("http_request_update",), MAX_ARGUMENT_BYTES)


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
    return lists.repositories(page)


@query
def get_delivery(repository: text, delivery: text) -> DeliveryResult:
    return lists.delivery(repository, delivery)


@query
def list_deliveries(repository: text, page: PageRequest) -> DeliveryPageResult:
    return lists.deliveries(repository, page)


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
        "name": "webhook",
        "version": VERSION,
        "wired": siblings_of(wiring) is not None,
        "records": ledger.count(ledger.ALL_DELIVERIES),
        "open": outbox.open_count(),
        "cycles": ic.canister_balance128(),
        "instructions": summed(instruction_totals),
    }
