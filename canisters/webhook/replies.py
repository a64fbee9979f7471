"""HTTP responses as the gateway wants them."""

import json

from canisters.webhook.routing import path_of, route_of
from shared.types.http import HttpRequest, HttpResponse

WELCOME = (
    "DCanary webhook canister. Forges post their deliveries to /webhook/<provider>/<repository>.\n"
)


def _headers(content_type: str) -> "list[tuple[str, str]]":
    return [
        ("content-type", content_type),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]


def json_reply(status: int, content: "dict[str, str | None]") -> HttpResponse:
    return {
        "status_code": status,
        "headers": _headers("application/json"),
        "body": (json.dumps(content) + "\n").encode(),
        "upgrade": None,
    }


def error_reply(status: int, sentence: str) -> HttpResponse:
    return json_reply(status, {"status": "error", "error": sentence})


def welcome_reply() -> HttpResponse:
    return {
        "status_code": 200,
        "headers": _headers("text/plain; charset=utf-8"),
        "body": WELCOME.encode(),
        "upgrade": None,
    }


def upgrade_reply() -> HttpResponse:
    """Asks the gateway to send the same request as an update call."""
    return {"status_code": 204, "headers": [], "body": b"", "upgrade": True}


def query_reply(request: HttpRequest) -> HttpResponse:
    """What a query can answer by itself; everything else goes on to the update call."""
    if route_of(request["url"]) is not None:
        if request["method"] == "POST":
            return upgrade_reply()
        return error_reply(405, "only POST is allowed here: forges post their deliveries")
    if path_of(request["url"]) in ("", "/") and request["method"] in ("GET", "HEAD"):
        return welcome_reply()
    return error_reply(404, "no such path: deliveries go to /webhook/<provider>/<repository>")
