"""GitHub, and GitHub Enterprise Server. Source: its documentation, "REST API endpoints for commit
statuses": the last status of each context counts, contexts are told apart without case."""

from __future__ import annotations

from typing import Any

from dcanary.reporter.forges.seen import Page, Seen
from dcanary.reporter.places import Place
from dcanary.reporter.statuses import State, Status

STATES: dict[State, str] = {
    "pending": "pending",
    "running": "pending",
    "success": "success",
    "failure": "failure",
    "error": "error",
    "cancelled": "error",
    "skipped": "error",
}


def _repository(place: Place) -> str:
    if place.host == "github.com":
        return f"https://api.github.com/repos/{place.path}"
    return f"{place.root}/api/v3/repos/{place.path}"


def headers_of(token: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }


def post_of(place: Place, status: Status) -> tuple[str, dict[str, str]]:
    body = {
        "state": STATES[status.state],
        "context": status.context,
        "description": status.description,
    }
    if status.url:
        body["target_url"] = status.url
    return f"{_repository(place)}/statuses/{status.sha}", body


def list_url(place: Place, sha: str) -> str:
    return f"{_repository(place)}/commits/{sha}/status?per_page=100"


def page_of(answer: Any) -> Page:
    return Page(
        [
            Seen(str(one["context"]).lower(), str(one["state"]), str(one["description"] or ""))
            for one in answer["statuses"]
        ]
    )


def wanted(status: Status) -> Seen:
    return Seen(status.context.lower(), STATES[status.state], status.description)
