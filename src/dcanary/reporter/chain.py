"""What a reporter asks of the chain."""

from __future__ import annotations

from typing import Protocol

from dcanary.client.system import System
from dcanary.client.types.webhook import (
    PostedReport,
    ReportBatch,
    ReportLease,
)


class Chain(Protocol):
    """Every method raises RefusedError when the canister says no, NetworkError when it cannot be
    reached."""

    def lease(self, reporter: str) -> ReportLease: ...

    def leave(self, reporter: str) -> None: ...

    def read(self, since: int) -> ReportBatch: ...

    def record(self, reporter: str, posts: list[PostedReport], done: int) -> None: ...

    def repository(self, name: str) -> tuple[str, str]:
        """Provider and clone URL."""


class SystemReports:
    """`Chain` over the `webhook` of an installation."""

    def __init__(self, system: System) -> None:
        self._webhook = system.webhook

    def lease(self, reporter: str) -> ReportLease:
        return self._webhook.lease_reports(reporter)

    def leave(self, reporter: str) -> None:
        self._webhook.leave_reports(reporter)

    def read(self, since: int) -> ReportBatch:
        return self._webhook.read_reports({"since": since, "limit": 0})

    def record(self, reporter: str, posts: list[PostedReport], done: int) -> None:
        self._webhook.record_posts(reporter, posts, done)

    def repository(self, name: str) -> tuple[str, str]:
        found = self._webhook.get_repository(name)
        return next(iter(found["provider"])), found["clone_url"]
