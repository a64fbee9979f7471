"""GitHub's commit statuses. Source: its documentation, "REST API endpoints for commit statuses".

The paths are those of GitHub Enterprise Server, below `/api/v3`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dcanary.forge.status_api.access import Access, Refusal, fields, time_of, worded
from dcanary.forge.statuses import Status

STATES = ("error", "failure", "pending", "success")
MAX_DESCRIPTION_CHARS = 140
KIND = "github"


def _shown(status: Status) -> dict[str, object]:
    return {
        "id": status.number,
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url or None,
        "context": status.context,
        "created_at": time_of(status),
        "updated_at": time_of(status),
    }


def routes(access: Access) -> list[Route]:
    async def create(request: Request) -> Response:
        access.check_token(request)
        names = request.path_params
        repository = access.repository(f"{names['owner']}/{names['name']}", KIND)
        given = await fields(request)
        if given.get("state") not in STATES:
            raise Refusal(422, "Validation Failed: state is not included in the list")
        if len(given.get("description", "")) > MAX_DESCRIPTION_CHARS:
            raise Refusal(422, "Validation Failed: description is too long (maximum is 140)")
        if not await access.has_commit(repository, names["sha"]):
            raise Refusal(422, f"No commit found for SHA: {names['sha'][:64]}")
        status = access.statuses.add(
            repository,
            names["sha"],
            given.get("context") or "default",
            given["state"],
            given.get("description", ""),
            given.get("target_url", ""),
        )
        return JSONResponse(_shown(status), 201)

    async def combined(request: Request) -> Response:
        access.check_token(request)
        names = request.path_params
        repository = access.repository(f"{names['owner']}/{names['name']}", KIND)
        if not await access.has_commit(repository, names["sha"]):
            raise Refusal(422, f"No commit found for SHA: {names['sha'][:64]}")
        found = access.statuses.latest(repository, names["sha"])
        states = {status.state for status in found}
        state = "failure" if states & {"error", "failure"} else "pending"
        if states == {"success"}:
            state = "success"
        return JSONResponse(
            {
                "state": state,
                "sha": names["sha"],
                "total_count": len(found),
                "statuses": [_shown(status) for status in found[:100]],
            }
        )

    def word(message: str) -> object:
        return {"message": message, "documentation_url": "https://docs.github.com/rest"}

    place = "/api/v3/repos/{owner}/{name}"
    return [
        Route(f"{place}/statuses/{{sha}}", worded(create, word), methods=["POST"]),
        Route(f"{place}/commits/{{sha}}/status", worded(combined, word), methods=["GET"]),
    ]
