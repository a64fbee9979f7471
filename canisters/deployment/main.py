"""Entry points of `deployment`: targets, releases, rollbacks."""

from kybra import (
    Async,
    Opt,
    ic,
    post_upgrade,
    query,
    text,
    update,
    void,
)

from canisters.deployment import desk, driving
from canisters.deployment.store import grants, open_releases, orders, targets, totals, wiring
from shared.base import access as access
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
from shared.base.metering import CALL_CONTEXT, counted
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

serve(
    Canister(
        name="deployment",
        grants=grants,
        wiring=wiring,
        totals=totals,
        callers={
            "register_target": "Admin",
            "update_target": "Admin",
            "start_target": "Admin",
            "stop_target": "Admin",
            "delete_target": "Admin",
            "plan_mode": "verification",
            "start_release": "verification",
            "rollback_release": "Operator",
        },
        records=lambda: targets.len() + orders.len(),
        open_work=open_releases.len,
    )
)


@post_upgrade
def post_upgrade_() -> void:
    driving.rearm()


def _caller() -> str:
    return ic.caller().to_str()


def _lacks(role: str) -> "Error | None":
    return access.refuse_unless(grants, _caller(), role)


def _not_verification() -> "Error | None":
    return access.refuse_unless_sibling(wiring, _caller(), "verification")


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
