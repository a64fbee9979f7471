"""Gitea's and Forgejo's commit statuses. Source: their API reference (`/api/swagger`),
"repoCreateStatus", "repoGetCombinedStatusByRef"."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dcanary.forge.status_api.access import Access, Refusal, fields, time_of, worded
from dcanary.forge.statuses import Status

STATES = ("pending", "success", "error", "failure", "warning")
KIND = "gitea"


def _shown(status: Status) -> dict[str, object]:
    return {
        "id": status.number,
        "status": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": time_of(status),
        "updated_at": time_of(status),
    }


def routes(access: Access) -> list[Route]:
    async def repository_of(request: Request) -> str:
        access.check_token(request)
        names = request.path_params
        repository = access.repository(f"{names['owner']}/{names['name']}", KIND)
        if not await access.has_commit(repository, names["sha"]):
            raise Refusal(404, f"object does not exist [id: {names['sha'][:64]}]")
        return repository

    async def create(request: Request) -> Response:
        repository = await repository_of(request)
        given = await fields(request)
        if given.get("state") not in STATES:
            raise Refusal(422, "[State]: invalid")
        status = access.statuses.add(
            repository,
            request.path_params["sha"],
            given.get("context") or "default",
            given["state"],
            given.get("description", ""),
            given.get("target_url", ""),
        )
        return JSONResponse(_shown(status), 201)

    async def combined(request: Request) -> Response:
        repository = await repository_of(request)
        found = access.statuses.latest(repository, request.path_params["sha"])
        return JSONResponse(
            {
                "sha": request.path_params["sha"],
                "total_count": len(found),
                "statuses": [_shown(status) for status in found],
            }
        )

    def word(message: str) -> object:
        return {"message": message, "url": "/api/swagger"}

    place = "/api/v1/repos/{owner}/{name}"
    return [
        Route(f"{place}/statuses/{{sha}}", worded(create, word), methods=["POST"]),
        Route(f"{place}/commits/{{sha}}/status", worded(combined, word), methods=["GET"]),
    ]
