"""Entry points of `deployment`: targets, releases, rollbacks."""

from kybra import (
    Async,
    Opt,
    Principal,
    Tuple,
    Vec,
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

from canisters.deployment import desk, driving
from canisters.deployment.store import grants, open_releases, orders, targets, totals, wiring
from shared.base import access as access
from shared.base.inspect import accept_unless_wasteful
from shared.base.metering import CALL_CONTEXT, counted, listed, summed
from shared.rules.limits import MAX_ARGUMENT_BYTES
from shared.types.access import GrantPageResult, Health, Siblings
from shared.types.errors import Done, Error
from shared.types.paging import PageRequest
from shared.types.release import (
    ModeResult,
    ReleaseOrder,
    ReleasePageResult,
    ReleaseResult,
    TargetInput,
    TargetPageResult,
    TargetResult,
    TextResult,
)

VERSION = "0.1.0"


@init
def init_() -> void:
    access.seed_owner(grants, ic.caller().to_str())


@post_upgrade
def post_upgrade_() -> void:
    driving.rearm()


@inspect_message
def inspect_message_() -> void:
    accept_unless_wasteful((), MAX_ARGUMENT_BYTES)


def _caller() -> str:
    return ic.caller().to_str()


def _lacks(role: str) -> "Error | None":
    return access.refuse_unless(grants, _caller(), role)


def _not_verification() -> "Error | None":
    return access.refuse_unless_sibling(wiring, _caller(), "verification")


@update
def wire(siblings: Siblings) -> Done:
    return counted(totals, "wire", access.wire(wiring, grants, _caller(), siblings))


@query
def siblings() -> Opt[Siblings]:
    return access.siblings_of(wiring)


@update
def grant_role(principal: Principal, role: text) -> Done:
    result = access.grant_role(grants, _caller(), principal.to_str(), role)
    return counted(totals, "grant_role", result)


@update
def revoke_role(principal: Principal, role: text) -> Done:
    result = access.revoke_role(grants, _caller(), principal.to_str(), role)
    return counted(totals, "revoke_role", result)


@query
def list_grants(page: PageRequest) -> GrantPageResult:
    return access.list_grants(grants, page)


@query
def health() -> Health:
    return {
        "name": "deployment",
        "version": VERSION,
        "wired": access.siblings_of(wiring) is not None,
        "records": targets.len() + orders.len(),
        "open": open_releases.len(),
        "cycles": ic.canister_balance128(),
        "instructions": summed(totals),
    }


@query
def instructions() -> Vec[Tuple[text, nat64]]:
    return listed(totals)


@update
def register_target(target: TargetInput) -> TargetResult:
    error = _lacks("Admin")
    result: TargetResult = desk.register_target(target) if error is None else {"Err": error}
    return counted(totals, "register_target", result)


@update
def update_target(target: TargetInput) -> TargetResult:
    error = _lacks("Admin")
    result: TargetResult = desk.update_target(target) if error is None else {"Err": error}
    return counted(totals, "update_target", result)


@query
def get_target(target: text) -> TargetResult:
    return desk.get_target(target)


@query
def list_targets(page: PageRequest) -> TargetPageResult:
    return desk.list_targets(page)


@update
def start_target(target: text) -> Async[Done]:
    error = _lacks("Admin")
    if error is not None:
        return {"Err": error}
    result = yield from desk.start_target(target)
    return counted(totals, "start_target", result, CALL_CONTEXT)


@update
def stop_target(target: text) -> Async[Done]:
    error = _lacks("Admin")
    if error is not None:
        return {"Err": error}
    result = yield from desk.stop_target(target)
    return counted(totals, "stop_target", result, CALL_CONTEXT)


@update
def delete_target(target: text) -> Async[Done]:
    error = _lacks("Admin")
    if error is not None:
        return {"Err": error}
    result = yield from desk.delete_target(target)
    return counted(totals, "delete_target", result, CALL_CONTEXT)


@update
def plan_mode(target: text, repository: text) -> Async[ModeResult]:
    error = _not_verification()
    if error is not None:
        return {"Err": error}
    result = yield from desk.plan_mode(target, repository)
    return counted(totals, "plan_mode", result, CALL_CONTEXT)


@update
def start_release(order: ReleaseOrder) -> TextResult:
    error = _not_verification()
    result: TextResult = desk.start_release(order) if error is None else {"Err": error}
    return counted(totals, "start_release", result)


@query
def get_release(release: text) -> ReleaseResult:
    return desk.get_release(release)


@query
def list_releases(target: Opt[text], page: PageRequest) -> ReleasePageResult:
    return desk.list_releases(target, page)


@update
def rollback_release(release: text) -> ReleaseResult:
    error = _lacks("Operator")
    result: ReleaseResult = desk.rollback_release(release) if error is None else {"Err": error}
    return counted(totals, "rollback_release", result)
