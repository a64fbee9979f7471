"""Records and variants of the canister `webhook`.

Made from canisters/webhook/webhook.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TypedDict


class Delivery(TypedDict):
    allowed_by: str | None
    attempts: int
    delivery: str
    event: str
    note: str | None
    pull_request: PullRequest | None
    received_ns: int
    ref: str
    repository: str
    run: str | None
    sha: str
    started_by: str | None
    state: DeliveryState


class DeliveryPage(TypedDict):
    items: list[Delivery]
    next: str | None


class DeliveryState(TypedDict, total=False):
    """Exactly one of these cases."""

    Dispatched: None
    Dispatching: None
    Held: str
    Ignored: str
    Refused: str


class Grant(TypedDict):
    principal: str
    roles: list[Role]


class GrantPage(TypedDict):
    items: list[Grant]
    next: str | None


class Health(TypedDict):
    cycles: int
    instructions: int
    name: str
    open: int
    records: int
    version: str
    wired: bool


class HttpRequest(TypedDict):
    body: bytes
    certificate_version: int | None
    headers: list[tuple[str, str]]
    method: str
    url: str


class HttpResponse(TypedDict):
    body: bytes
    headers: list[tuple[str, str]]
    status_code: int
    upgrade: bool | None


class ManualTrigger(TypedDict):
    message: str
    ref: str
    repository: str
    sha: str


class PageRequest(TypedDict):
    cursor: str | None
    limit: int


class PostedReport(TypedDict):
    number: int
    posting: Posting


class Posting(TypedDict):
    attempts: int
    last_error: str
    next_try_ns: int | None
    state: PostingState


class PostingState(TypedDict, total=False):
    """Exactly one of these cases."""

    Posted: None
    Refused: str
    Superseded: None
    Waiting: None


class Provider(TypedDict, total=False):
    """Exactly one of these cases."""

    Bitbucket: None
    GitHub: None
    GitLab: None
    Gitea: None


class PullRequest(TypedDict):
    deploys: bool
    fork: bool
    head: str
    head_repository: str
    number: int
    target: str
    title: str


class PullRequestFilter(TypedDict):
    branches: list[str]
    deploy: bool | None
    drafts: bool | None
    labels: list[str] | None
    types: list[str] | None


class PushFilter(TypedDict):
    authors: list[str] | None
    branches: list[str]
    paths: list[str] | None
    paths_ignore: list[str] | None


class Report(TypedDict):
    at_ns: int
    number: int
    pipeline: str
    posting: Posting
    record: str | None
    ref: str
    repository: str
    run: str
    sha: str
    state: ReportState
    subject: ReportSubject


class ReportBatch(TypedDict):
    first: int
    items: list[Report]
    next: int
    total: int


class ReportLease(TypedDict):
    done: int
    holder: str
    reporter: str
    until_ns: int


class ReportPage(TypedDict):
    items: list[Report]
    next: str | None


class ReportQuery(TypedDict):
    limit: int
    since: int


class ReportState(TypedDict, total=False):
    """Exactly one of these cases."""

    Approving: None
    Building: None
    Cancelled: str
    Disagreed: str
    Failed: str
    Inconclusive: str
    Queued: None
    Refused: str
    Rejected: str
    Released: None
    Releasing: None
    Running: None
    Skipped: None
    Storing: None
    Succeeded: None
    Withdrawn: None


class ReportSubject(TypedDict, total=False):
    """Exactly one of these cases."""

    Run: None
    Stage: str
    Target: str


class Repository(TypedDict):
    clone_url: str
    deliveries: int
    live_secrets: int
    provider: Provider
    registered_by: str
    registered_ns: int
    rejected: int
    repository: str
    triggers: list[Trigger]


class RepositoryInput(TypedDict):
    clone_url: str
    provider: Provider
    repository: str
    secret: bytes


class RepositoryPage(TypedDict):
    items: list[Repository]
    next: str | None


class Role(TypedDict, total=False):
    """Exactly one of these cases."""

    Admin: None
    Approver: None
    Executor: None
    Operator: None
    Owner: None
    Reporter: None
    Viewer: None


class RunReport(TypedDict):
    at_ns: int
    pipeline: str
    ref: str
    repository: str
    run: str
    sha: str
    stages: list[StageReport]
    state: RunState
    targets: list[TargetStatus]


class RunState(TypedDict, total=False):
    """Exactly one of these cases."""

    Approving: None
    Cancelled: str
    Disagreed: str
    Failed: str
    Inconclusive: str
    Queued: None
    Rejected: str
    Releasing: None
    Running: None
    Succeeded: None


class Schedule(TypedDict):
    cron: str
    ref: str
    rule: str
    zone: str


class ScheduleStatus(TypedDict):
    last_ns: int | None
    last_run: str | None
    next_ns: int | None
    problem: str | None
    schedule: Schedule


class Siblings(TypedDict):
    build_executor: str
    deployment: str
    pipeline_config: str
    verification: str
    webhook: str


class StageReport(TypedDict):
    name: str
    state: StageState


class StageState(TypedDict, total=False):
    """Exactly one of these cases."""

    Building: None
    Disagreed: str
    Failed: str
    Inconclusive: str
    Skipped: None
    Storing: None
    Succeeded: None
    Waiting: None


class TargetState(TypedDict, total=False):
    """Exactly one of these cases."""

    Approving: None
    Failed: str
    Rejected: str
    Released: None
    Releasing: None
    Waiting: None
    Withdrawn: None


class TargetStatus(TypedDict):
    approval: str | None
    release: str | None
    state: TargetState
    target: str


class Trigger(TypedDict, total=False):
    """Exactly one of these cases."""

    FilteredPullRequest: PullRequestFilter
    FilteredPush: PushFilter
    Manual: None
    PullRequest: list[str]
    Push: list[str]
    Release: list[str]
    Schedule: Schedule
    Tag: list[str]
