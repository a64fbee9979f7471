"""Bitbucket Cloud. Source: its documentation, "Commit statuses".

A status is known by a key of at most 40 characters: a longer context ends with a hash of itself. A
link is demanded: without one of ours it is the commit's own page.
"""

from __future__ import annotations

import hashlib
from typing import Any

from dcanary.reporter.forges.seen import Page, Seen
from dcanary.reporter.places import Place
from dcanary.reporter.statuses import State, Status

STATES: dict[State, str] = {
    "pending": "INPROGRESS",
    "running": "INPROGRESS",
    "success": "SUCCESSFUL",
    "failure": "FAILED",
    "error": "FAILED",
    "cancelled": "STOPPED",
    "skipped": "STOPPED",
}
MAX_KEY_CHARS = 40
_HASH_CHARS = 12


def _repository(place: Place) -> str:
    if place.host == "bitbucket.org":
        return f"https://api.bitbucket.org/2.0/repositories/{place.path}"
    return f"{place.root}/2.0/repositories/{place.path}"


def key_of(context: str) -> str:
    """The context, or what fits of it and a hash of all of it."""
    if len(context) <= MAX_KEY_CHARS:
        return context
    digest = hashlib.sha256(context.encode()).hexdigest()[:_HASH_CHARS]
    return f"{context[: MAX_KEY_CHARS - _HASH_CHARS - 1]}-{digest}"


def headers_of(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def post_of(place: Place, status: Status) -> tuple[str, dict[str, str]]:
    body = {
        "key": key_of(status.context),
        "name": status.context,
        "state": STATES[status.state],
        "description": status.description,
        "url": status.url or f"{place.root}/{place.path}/commits/{status.sha}",
    }
    if status.ref.startswith("refs/heads/"):
        body["refname"] = status.ref.removeprefix("refs/heads/")
    return f"{_repository(place)}/commit/{status.sha}/statuses/build", body


def list_url(place: Place, sha: str) -> str:
    return f"{_repository(place)}/commit/{sha}/statuses?pagelen=100"


def page_of(answer: Any) -> Page:
    items = [
        Seen(str(one["key"]), str(one["state"]), str(one["description"] or ""))
        for one in answer["values"]
    ]
    return Page(items, str(answer.get("next") or ""))


def wanted(status: Status) -> Seen:
    return Seen(key_of(status.context), STATES[status.state], status.description)
