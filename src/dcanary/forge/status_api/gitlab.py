"""GitLab's commit statuses. Source: its documentation, "Commits API", "Set commit pipeline status"
and "List all commit statuses".

A status that is to become what it is already is refused, as GitLab's state machine does.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dcanary.forge.status_api.access import Access, Refusal, fields, time_of, worded
from dcanary.forge.statuses import Status

STATES = ("pending", "running", "success", "failed", "canceled", "skipped")
MAX_DESCRIPTION_CHARS = 255
KIND = "gitlab"


def _shown(status: Status) -> dict[str, object]:
    return {
        "id": status.number,
        "sha": status.sha,
        "ref": status.ref,
        "status": status.state,
        "name": status.context,
        "description": status.description,
        "target_url": status.target_url,
        "created_at": time_of(status),
    }


def routes(access: Access) -> list[Route]:
    async def repository_of(request: Request) -> str:
        access.check_token(request, "private-token")
        repository = access.repository(request.path_params["project"], KIND)
        if not await access.has_commit(repository, request.path_params["sha"]):
            raise Refusal(404, "404 Commit Not Found")
        return repository

    async def create(request: Request) -> Response:
        repository = await repository_of(request)
        given = await fields(request)
        state, sha = given.get("state", ""), request.path_params["sha"]
        if state not in STATES:
            raise Refusal(400, "state does not have a valid value")
        if len(given.get("description", "")) > MAX_DESCRIPTION_CHARS:
            raise Refusal(400, "description is too long (maximum is 255 characters)")
        context = given.get("name") or given.get("context") or "default"
        for known in access.statuses.latest(repository, sha):
            if known.context == context and known.state == state:
                raise Refusal(400, f"Cannot transition status from :{state} to :{state}")
        status = access.statuses.add(
            repository,
            sha,
            context,
            state,
            given.get("description", ""),
            given.get("target_url", ""),
            given.get("ref", ""),
        )
        return JSONResponse(_shown(status), 201)

    async def listed(request: Request) -> Response:
        repository = await repository_of(request)
        found = access.statuses.latest(repository, request.path_params["sha"])
        return JSONResponse([_shown(status) for status in found])

    def word(message: str) -> object:
        return {"message": message}

    place = "/api/v4/projects/{project:path}"
    return [
        Route(f"{place}/statuses/{{sha}}", worded(create, word), methods=["POST"]),
        Route(
            f"{place}/repository/commits/{{sha}}/statuses", worded(listed, word), methods=["GET"]
        ),
    ]
