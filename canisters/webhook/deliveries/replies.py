"""HTTP responses as the gateway wants them."""

import json

from shared.types.http import HttpResponse

WELCOME = (
    "DCanary webhook canister. Forges post their deliveries to /webhook/<provider>/<repository>.\n"
)


def _headers(content_type: str) -> "list[tuple[str, str]]":
    return [
        ("content-type", content_type),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]


def json_reply(
    status: int, content: "dict[str, str | None]", runs: "list[str] | None" = None
) -> HttpResponse:
    """An answer of the front door; `runs` are added when there are several."""
    told: dict[str, object] = dict(content)
    if runs is not None and len(runs) > 1:
        told["runs"] = runs
    return {
        "status_code": status,
        "headers": _headers("application/json"),
        "body": (json.dumps(told) + "\n").encode(),
        "upgrade": None,
    }


def welcome_reply() -> HttpResponse:
    """The page at `/`."""
    return {
        "status_code": 200,
        "headers": _headers("text/plain; charset=utf-8"),
        "body": WELCOME.encode(),
        "upgrade": None,
    }


def upgrade_reply() -> HttpResponse:
    """Asks the gateway to send the same request as an update call."""
    return {"status_code": 204, "headers": [], "body": b"", "upgrade": True}
