"""Calls of the canister `webhook`.

Made from canisters/webhook/webhook.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.client.actor import Canister

if TYPE_CHECKING:
    from dcanary.client.types.webhook import (
        Delivery,
        DeliveryPage,
        GrantPage,
        Health,
        HttpRequest,
        HttpResponse,
        ManualTrigger,
        PageRequest,
        PostedReport,
        ReportBatch,
        ReportLease,
        ReportPage,
        ReportQuery,
        Repository,
        RepositoryInput,
        RepositoryPage,
        RunReport,
        ScheduleStatus,
        Siblings,
        Trigger,
    )


class Webhook(Canister):
    """Typed calls to `webhook`: a method gives the value of Ok, or raises RefusedError."""

    did = "webhook.did"

    def allow_delivery(self, text: str, text_: str, text__: str, /) -> str:
        answer: str = self.ask("allow_delivery", text, text_, text__)
        return answer

    def delete_repository(self, text: str, /) -> None:
        self.ask("delete_repository", text)

    def drop_old_secret(self, text: str, /) -> None:
        self.ask("drop_old_secret", text)

    def get_delivery(self, text: str, text_: str, /, *, certified: bool = False) -> Delivery:
        answer: Delivery = self.ask("get_delivery", text, text_, certified=certified)
        return answer

    def get_repository(self, text: str, /, *, certified: bool = False) -> Repository:
        answer: Repository = self.ask("get_repository", text, certified=certified)
        return answer

    def get_schedules(self, text: str, /, *, certified: bool = False) -> list[ScheduleStatus]:
        answer: list[ScheduleStatus] = self.ask("get_schedules", text, certified=certified)
        return answer

    def grant_role(self, principal: str, text: str, /) -> None:
        self.ask("grant_role", principal, text)

    def health(self, *, certified: bool = False) -> Health:
        answer: Health = self.call("health", certified=certified)
        return answer

    def http_request(
        self, http_request: HttpRequest, /, *, certified: bool = False
    ) -> HttpResponse:
        answer: HttpResponse = self.call("http_request", http_request, certified=certified)
        return answer

    def http_request_update(self, http_request: HttpRequest, /) -> HttpResponse:
        answer: HttpResponse = self.call("http_request_update", http_request)
        return answer

    def instructions(self, *, certified: bool = False) -> list[tuple[str, int]]:
        answer: list[tuple[str, int]] = self.call("instructions", certified=certified)
        return answer

    def lease_reports(self, text: str, /) -> ReportLease:
        answer: ReportLease = self.ask("lease_reports", text)
        return answer

    def leave_reports(self, text: str, /) -> None:
        self.ask("leave_reports", text)

    def list_deliveries(
        self, text: str, page_request: PageRequest, /, *, certified: bool = False
    ) -> DeliveryPage:
        answer: DeliveryPage = self.ask("list_deliveries", text, page_request, certified=certified)
        return answer

    def list_grants(self, page_request: PageRequest, /, *, certified: bool = False) -> GrantPage:
        answer: GrantPage = self.ask("list_grants", page_request, certified=certified)
        return answer

    def list_reports(self, page_request: PageRequest, /, *, certified: bool = False) -> ReportPage:
        answer: ReportPage = self.ask("list_reports", page_request, certified=certified)
        return answer

    def list_repositories(
        self, page_request: PageRequest, /, *, certified: bool = False
    ) -> RepositoryPage:
        answer: RepositoryPage = self.ask("list_repositories", page_request, certified=certified)
        return answer

    def read_reports(self, report_query: ReportQuery, /, *, certified: bool = False) -> ReportBatch:
        answer: ReportBatch = self.ask("read_reports", report_query, certified=certified)
        return answer

    def record_posts(self, text: str, value: list[PostedReport], nat64: int, /) -> None:
        self.ask("record_posts", text, value, nat64)

    def register_repository(self, repository_input: RepositoryInput, /) -> Repository:
        answer: Repository = self.ask("register_repository", repository_input)
        return answer

    def replay_delivery(self, text: str, text_: str, /) -> str:
        answer: str = self.ask("replay_delivery", text, text_)
        return answer

    def report_run(self, run_report: RunReport, /) -> None:
        self.ask("report_run", run_report)

    def revoke_role(self, principal: str, text: str, /) -> None:
        self.ask("revoke_role", principal, text)

    def rotate_secret(self, text: str, value: bytes, /) -> None:
        self.ask("rotate_secret", text, value)

    def siblings(self, *, certified: bool = False) -> Siblings | None:
        answer: Siblings | None = self.call("siblings", certified=certified)
        return answer

    def sync_triggers(self, text: str, value: list[Trigger], /) -> None:
        self.ask("sync_triggers", text, value)

    def trigger_pipeline(self, text: str, text_: str, /) -> str:
        answer: str = self.ask("trigger_pipeline", text, text_)
        return answer

    def trigger_run(self, manual_trigger: ManualTrigger, /) -> str:
        answer: str = self.ask("trigger_run", manual_trigger)
        return answer

    def wire(self, siblings: Siblings, /) -> None:
        self.ask("wire", siblings)
