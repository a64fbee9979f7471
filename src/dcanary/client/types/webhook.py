"""Records and variants of the canister `webhook`.

Made from canisters/webhook/webhook.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TypedDict


class Delivery(TypedDict):
    attempts: int
    delivery: str
    event: str
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


class Provider(TypedDict, total=False):
    """Exactly one of these cases."""

    Bitbucket: None
    GitHub: None
    GitLab: None
    Gitea: None


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
    Viewer: None


class Siblings(TypedDict):
    build_executor: str
    deployment: str
    pipeline_config: str
    verification: str
    webhook: str


class Trigger(TypedDict, total=False):
    """Exactly one of these cases."""

    Manual: None
    PullRequest: list[str]
    Push: list[str]
    Tag: list[str]
