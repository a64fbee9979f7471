"""Bitbucket Cloud's build statuses. Source: its documentation, "Commit statuses".

A status of a key that is there already takes its place.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dcanary.forge.status_api.access import Access, Refusal, fields, time_of, worded
from dcanary.forge.statuses import Status

STATES = ("INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED")
MAX_KEY_CHARS = 40
KIND = "bitbucket"


def _shown(status: Status) -> dict[str, object]:
    return {
        "type": "build",
        "key": status.context,
        "name": status.context,
        "state": status.state,
        "description": status.description,
        "url": status.target_url,
        "refname": status.ref or None,
        "created_on": time_of(status),
        "updated_on": time_of(status),
    }


def routes(access: Access) -> list[Route]:
    async def repository_of(request: Request) -> str:
        access.check_token(request)
        names = request.path_params
        repository = access.repository(f"{names['workspace']}/{names['name']}", KIND)
        if not await access.has_commit(repository, names["sha"]):
            raise Refusal(404, f"Commit {names['sha'][:64]} not found")
        return repository

    async def create(request: Request) -> Response:
        repository = await repository_of(request)
        given = await fields(request)
        for name in ("key", "state", "url"):
            if not given.get(name):
                raise Refusal(400, f"{name}: required key not provided")
        if given["state"] not in STATES:
            raise Refusal(400, "state: not a valid value")
        if len(given["key"]) > MAX_KEY_CHARS:
            raise Refusal(400, f"key: length must be <= {MAX_KEY_CHARS}")
        status = access.statuses.add(
            repository,
            request.path_params["sha"],
            given["key"],
            given["state"],
            given.get("description", ""),
            given["url"],
            given.get("refname", ""),
        )
        return JSONResponse(_shown(status), 201)

    async def listed(request: Request) -> Response:
        repository = await repository_of(request)
        found = access.statuses.latest(repository, request.path_params["sha"])
        shown = [_shown(status) for status in found]
        return JSONResponse({"pagelen": 100, "page": 1, "size": len(shown), "values": shown})

    def word(message: str) -> object:
        return {"type": "error", "error": {"message": message}}

    place = "/2.0/repositories/{workspace}/{name}/commit/{sha}/statuses"
    return [
        Route(f"{place}/build", worded(create, word), methods=["POST"]),
        Route(place, worded(listed, word), methods=["GET"]),
    ]
