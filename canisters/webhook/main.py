"""Entry points of the webhook canister."""

from kybra import Async, Manual, Vec, blob, ic, nat64, post_upgrade, query, text, update, void

from canisters.webhook.deliveries import service as deliveries
from canisters.webhook.deliveries import views as delivery_views
from canisters.webhook.deliveries.tables import ALL_DELIVERIES
from canisters.webhook.outbox import outbox
from canisters.webhook.reports import service as reports
from canisters.webhook.reports import views as report_views
from canisters.webhook.repositories import service as repositories
from canisters.webhook.repositories import tables
from canisters.webhook.repositories import views as repository_views
from canisters.webhook.schedules import service as schedules
from canisters.webhook.store import grants, instruction_totals, wiring
from canisters.webhook.triggers import service as triggering
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
from shared.base.results import answer, answer_query, answer_reader
from shared.types.errors import Done
from shared.types.http import HttpRequest, HttpResponse
from shared.types.paging import PageRequest
from shared.types.pipeline import Trigger
from shared.types.release import TextResult
from shared.types.report import (
    PostedReport,
    ReportBatchResult,
    ReportLeaseResult,
    ReportPageResult,
    ReportQuery,
    RunReport,
)
from shared.types.repository import (
    DeliveryPageResult,
    DeliveryResult,
    ManualTrigger,
    RepositoryInput,
    RepositoryPageResult,
    RepositoryResult,
    ScheduleListResult,
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
            "trigger_pipeline": "Operator",
            "replay_delivery": "Operator",
            "allow_delivery": "Admin",
            "sync_triggers": "pipeline_config",
            "report_run": "build_executor",
            "lease_reports": "Reporter",
            "leave_reports": "Reporter",
            "record_posts": "Reporter",
        },
        readers={"list_reports": "Viewer", "read_reports": "Reporter"},
        screens={
            "http_request_update": lambda: deliveries.is_worth_an_update(
                ic.arg_data_raw(), ic.time()
            )
        },
        records=lambda: tables.count(ALL_DELIVERIES),
        open_work=outbox.open_count,
        wired=outbox.wake,
    )
)


@post_upgrade
def resume() -> void:
    outbox.wake()
    schedules.wake()


@query
def http_request(request: HttpRequest) -> HttpResponse:
    return deliveries.answer_query(request, ic.time())


@update
def http_request_update(request: HttpRequest) -> Async[Manual[HttpResponse]]:
    """The answer and the record are there when this message ends; the run is sent in it as well,
    for a timer would cost two messages more."""
    reply, key = deliveries.receive(request, ic.time())
    ic.reply(counted(instruction_totals, "http_request_update", reply))
    yield from deliveries.send(key)
    return None


@update
def register_repository(repository: RepositoryInput) -> RepositoryResult:
    return answer(
        "register_repository", lambda: repositories.register(repository, ic.caller(), ic.time())
    )


@update
def rotate_secret(repository: text, secret: blob) -> Done:
    return answer("rotate_secret", lambda: repositories.rotate_secret(repository, secret))


@update
def drop_old_secret(repository: text) -> Done:
    return answer("drop_old_secret", lambda: repositories.drop_old_secret(repository))


@update
def delete_repository(repository: text) -> Done:
    return answer("delete_repository", lambda: repositories.delete(repository))


@query
def get_repository(repository: text) -> RepositoryResult:
    return answer_query(lambda: repository_views.get(repository))


@query
def list_repositories(page: PageRequest) -> RepositoryPageResult:
    return answer_query(lambda: repository_views.listed(page))


@query
def get_delivery(repository: text, delivery: text) -> DeliveryResult:
    return answer_query(lambda: delivery_views.get(repository, delivery))


@query
def list_deliveries(repository: text, page: PageRequest) -> DeliveryPageResult:
    return answer_query(lambda: delivery_views.listed(repository, page))


@update
def trigger_run(trigger: ManualTrigger) -> TextResult:
    return answer("trigger_run", lambda: triggering.start_by_hand(trigger, ic.caller(), ic.time()))


@update
def trigger_pipeline(repository: text, ref: text) -> TextResult:
    return answer(
        "trigger_pipeline",
        lambda: triggering.start_at_ref(repository, ref, ic.caller(), ic.time()),
    )


@update
def replay_delivery(repository: text, delivery: text) -> TextResult:
    return answer("replay_delivery", lambda: triggering.replay(repository, delivery))


@update
def allow_delivery(repository: text, delivery: text, sha: text) -> TextResult:
    return answer(
        "allow_delivery", lambda: triggering.allow(repository, delivery, sha, ic.caller())
    )


@update
def sync_triggers(repository: text, triggers: Vec[Trigger]) -> Done:
    return answer("sync_triggers", lambda: synced(repository, triggers))


def synced(repository: str, triggers: "list[Trigger]") -> None:
    schedules.sync(repository, triggers, ic.time())
    tables.set_triggers(repository, triggers)


@query
def get_schedules(repository: text) -> ScheduleListResult:
    return answer_query(lambda: schedules.of(repository))


@update
def report_run(report: RunReport) -> Done:
    return answer("report_run", lambda: reports.record(report))


@query
def list_reports(page: PageRequest) -> ReportPageResult:
    return answer_reader("list_reports", lambda: report_views.listed(page))


@query
def read_reports(wanted: ReportQuery) -> ReportBatchResult:
    return answer_reader("read_reports", lambda: report_views.since(wanted))


@update
def lease_reports(reporter: text) -> ReportLeaseResult:
    return answer("lease_reports", lambda: reports.lease(reporter, ic.caller(), ic.time()))


@update
def leave_reports(reporter: text) -> Done:
    return answer("leave_reports", lambda: reports.leave(reporter, ic.caller()))


@update
def record_posts(reporter: text, posts: Vec[PostedReport], done: nat64) -> Done:
    return answer(
        "record_posts",
        lambda: reports.record_posts(reporter, posts, done, ic.caller(), ic.time()),
    )
