"""Gitea and Forgejo. Source: their API reference, "repoCreateStatus" and
"repoGetCombinedStatusByRef"."""

from __future__ import annotations

from typing import Any

from dcanary.reporter.forges.github import STATES
from dcanary.reporter.forges.seen import Page, Seen
from dcanary.reporter.places import Place
from dcanary.reporter.statuses import Status


def _repository(place: Place) -> str:
    return f"{place.root}/api/v1/repos/{place.path}"


def headers_of(token: str) -> dict[str, str]:
    return {"Authorization": f"token {token}", "Accept": "application/json"}


def post_of(place: Place, status: Status) -> tuple[str, dict[str, str]]:
    body = {
        "state": STATES[status.state],
        "context": status.context,
        "description": status.description,
        "target_url": status.url,
    }
    return f"{_repository(place)}/statuses/{status.sha}", body


def list_url(place: Place, sha: str) -> str:
    return f"{_repository(place)}/commits/{sha}/status?limit=100"


def page_of(answer: Any) -> Page:
    return Page(
        [
            Seen(str(one["context"]), str(one["status"]), str(one["description"] or ""))
            for one in answer["statuses"] or []
        ]
    )


def wanted(status: Status) -> Seen:
    return Seen(status.context, STATES[status.state], status.description)
