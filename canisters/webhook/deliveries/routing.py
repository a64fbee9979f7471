"""Paths of the HTTP front door."""

from canisters.webhook.providers.supported import SUPPORTED
from shared.rules.names import name_problem

PREFIX = "webhook"


class Route:
    """`/webhook/<provider>/<repository>`."""

    __slots__ = ("provider", "repository")

    def __init__(self, provider: str, repository: str) -> None:
        self.provider = provider
        self.repository = repository


def path_of(url: str) -> str:
    """The path of a request's URL, which gateways send as path and query, without a fragment."""
    return url.split("?", 1)[0]


def route_of(url: str) -> "Route | None":
    """The webhook that a URL names, or None for every other path."""
    parts = path_of(url).split("/")
    if len(parts) != 4 or parts[0] != "" or parts[1] != PREFIX or parts[2] not in SUPPORTED:
        return None
    if name_problem("the repository", parts[3]) is not None:
        return None
    return Route(parts[2], parts[3])
