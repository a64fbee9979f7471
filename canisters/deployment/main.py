"""Entry points of the deployment canister: targets, releases, rollbacks."""

from kybra import Async, Opt, ic, nat, post_upgrade, query, text, update, void

from canisters.deployment import settings
from canisters.deployment.outbox import outbox
from canisters.deployment.releases import doors, planning
from canisters.deployment.releases import service as releases
from canisters.deployment.steps import driving
from canisters.deployment.store import (
    grants,
    open_releases,
    orders,
    targets,
    totals,
    wiring,
)
from canisters.deployment.targets import cycles as target_cycles
from canisters.deployment.targets import service as target_service
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
from shared.base.pages import FIRST_PAGE
from shared.base.results import answer, answer_async, answer_query
from shared.types.errors import Done
from shared.types.paging import PageRequest
from shared.types.release import (
    PlanRequest,
    PlanResult,
    ReleaseOrder,
    ReleasePageResult,
    ReleaseResult,
    RollbackPlanResult,
    TextResult,
)
from shared.types.target import TargetInput, TargetPageResult, TargetResult

serve(
    Canister(
        name="deployment",
        grants=grants,
        wiring=wiring,
        totals=totals,
        callers={
            "set_network": "Owner",
            "register_target": "Admin",
            "update_target": "Admin",
            "create_target_canister": "Admin",
            "top_up_target": "Admin",
            "manage_canister_cycles": "Admin",
            "start_target": "Admin",
            "stop_target": "Admin",
            "delete_target": "Admin",
            "plan_release": "verification",
            "start_release": "verification",
            "report_release": "verification",
            "deploy_canister": "Operator",
            "upgrade_canister": "Operator",
            "cancel_release": "Operator",
            "plan_rollback": "Operator",
            "rollback_release": "Operator",
        },
        records=lambda: targets.len() + orders.len(),
        open_work=open_releases.len,
        wired=outbox.wake,
    )
)


@post_upgrade
def resume() -> void:
    driving.rearm()
    outbox.wake()


@update
def set_network(network: text) -> Done:
    return answer("set_network", lambda: settings.set_network(network))


@query
def network() -> text:
    return settings.network()


@update
def register_target(target: TargetInput) -> TargetResult:
    return answer("register_target", lambda: target_service.register_target(target))


@update
def update_target(target: TargetInput) -> Async[TargetResult]:
    return answer_async("update_target", lambda: target_service.update_target(target))


@query
def get_target(target: text) -> TargetResult:
    return answer_query(lambda: target_service.get_target(target))


@query
def list_targets(page: PageRequest) -> TargetPageResult:
    return answer_query(lambda: target_service.list_targets(page))


@update
def create_target_canister(target: text) -> Async[TargetResult]:
    return answer_async(
        "create_target_canister", lambda: target_service.create_target_canister(target)
    )


@update
def top_up_target(target: text, cycles: nat) -> Async[TargetResult]:
    return answer_async(
        "top_up_target", lambda: target_cycles.top_up(target, cycles, ic.caller().to_str())
    )


@update
def manage_canister_cycles(target: text, cycles: nat) -> Async[TargetResult]:
    return answer_async(
        "manage_canister_cycles", lambda: target_cycles.top_up(target, cycles, ic.caller().to_str())
    )


@update
def start_target(target: text) -> Async[Done]:
    return answer_async("start_target", lambda: target_service.switch(target, "start_target"))


@update
def stop_target(target: text) -> Async[Done]:
    return answer_async("stop_target", lambda: target_service.switch(target, "stop_target"))


@update
def delete_target(target: text) -> Async[Done]:
    return answer_async("delete_target", lambda: target_service.delete_target(target))


@update
def plan_release(request: PlanRequest) -> Async[PlanResult]:
    return answer_async("plan_release", lambda: planning.plan_release(request))


@update
def start_release(order: ReleaseOrder) -> TextResult:
    return answer("start_release", lambda: releases.start_release(order))


@update
def report_release(release: text) -> Done:
    return answer("report_release", lambda: releases.report_again(release))


@query
def get_release(release: text) -> ReleaseResult:
    return answer_query(lambda: releases.get_release(release))


@query
def list_releases(target: Opt[text], page: PageRequest) -> ReleasePageResult:
    return answer_query(lambda: releases.list_releases(target, page))


@query
def deployment_history(target: Opt[text], page: Opt[PageRequest]) -> ReleasePageResult:
    return answer_query(lambda: releases.list_releases(target, page or FIRST_PAGE))


@update
def deploy_canister(target: text) -> ReleaseResult:
    return answer("deploy_canister", lambda: doors.refuse_unapproved(target))


@update
def upgrade_canister(target: text) -> ReleaseResult:
    return answer("upgrade_canister", lambda: doors.refuse_unapproved(target))


@update
def cancel_release(release: text) -> ReleaseResult:
    return answer("cancel_release", lambda: releases.cancel_release(release, ic.caller().to_str()))


@update
def plan_rollback(release: text) -> Async[RollbackPlanResult]:
    return answer_async("plan_rollback", lambda: releases.plan_rollback(release))


@update
def rollback_release(release: text, digest: Opt[text]) -> Async[ReleaseResult]:
    return answer_async("rollback_release", lambda: releases.rollback_release(release, digest))
