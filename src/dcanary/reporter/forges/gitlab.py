"""GitLab. Source: its documentation, "Commits API", "Set commit pipeline status".

Its statuses are jobs of a state machine: a state that is posted again is refused, whatever else has
changed. `skipped` is not taken by every version; what was not built is `canceled`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from dcanary.reporter.forges.seen import Page, Seen
from dcanary.reporter.places import Place
from dcanary.reporter.statuses import State, Status

STATES: dict[State, str] = {
    "pending": "pending",
    "running": "running",
    "success": "success",
    "failure": "failed",
    "error": "failed",
    "cancelled": "canceled",
    "skipped": "canceled",
}
PREFIXES = ("refs/heads/", "refs/tags/")


def _project(place: Place) -> str:
    return f"{place.root}/api/v4/projects/{quote(place.path, safe='')}"


def headers_of(token: str) -> dict[str, str]:
    return {"PRIVATE-TOKEN": token, "Accept": "application/json"}


def post_of(place: Place, status: Status) -> tuple[str, dict[str, str]]:
    body = {
        "state": STATES[status.state],
        "name": status.context,
        "description": status.description,
    }
    for prefix in PREFIXES:
        if status.ref.startswith(prefix):
            body["ref"] = status.ref.removeprefix(prefix)
    if status.url:
        body["target_url"] = status.url
    return f"{_project(place)}/statuses/{status.sha}", body


def list_url(place: Place, sha: str) -> str:
    return f"{_project(place)}/repository/commits/{sha}/statuses?per_page=100"


def page_of(answer: Any) -> Page:
    newest = sorted(answer, key=lambda one: -int(one["id"]))
    return Page(
        [
            Seen(str(one["name"]), str(one["status"]), str(one["description"] or ""))
            for one in newest
        ]
    )


def wanted(status: Status) -> Seen:
    return Seen(status.context, STATES[status.state], status.description)


def is_repeat(status: int, text: str) -> bool:
    """Whether GitLab says that the status is what it was to become, or further."""
    return status == 400 and "Cannot transition status" in text
