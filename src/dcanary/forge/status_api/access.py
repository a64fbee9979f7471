"""What the APIs have in common: who may call, which repository and commit is meant, and bodies."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dcanary.forge import git
from dcanary.forge.builder import in_thread
from dcanary.forge.layout import Layout
from dcanary.forge.payload import OWNER
from dcanary.forge.repositories import Repositories
from dcanary.forge.statuses import Status, Statuses, Token

MAX_BODY_BYTES = 65_536
HEX = frozenset("0123456789abcdef")


class Refusal(Exception):
    """An answer other than the one that was hoped for; each forge words it in its own form."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Access:
    """The repositories of a forge, for one request at a time."""

    def __init__(self, layout: Layout) -> None:
        self._repositories = Repositories(layout)
        self._token = Token(layout)
        self.statuses = Statuses(layout)

    def check_token(self, request: Request, header: str = "") -> None:
        """Raise Refusal unless the request has the token: in `Authorization`, or in `header`."""
        words = request.headers.get("authorization", "").split(" ", 1)
        given = [words[1].strip()] if len(words) == 2 else []
        if words[0].lower() not in ("bearer", "token"):
            given = []
        if header and header in request.headers:
            given.append(request.headers[header])
        if not any(self._token.is_right(one) for one in given):
            raise Refusal(401, "Bad credentials")

    def repository(self, full_name: str, kind: str) -> str:
        """The repository's own name. Raises Refusal for one that is not of this kind of forge."""
        owner, _, name = full_name.partition("/")
        known = owner == OWNER and self._repositories.exists(name)
        if not known or self._repositories.provider(name) != kind:
            raise Refusal(404, "Not Found")
        return name

    async def has_commit(self, repository: str, sha: str) -> bool:
        """Whether the repository has a commit of this full id."""
        if len(sha) not in (40, 64) or not set(sha) <= HEX:
            return False
        folder = self._repositories.require(repository)
        done = await in_thread(lambda: git.run(folder, "cat-file", "-e", f"{sha}^{{commit}}"))
        return done.returncode == 0


async def fields(request: Request) -> dict[str, str]:
    """The text fields of a body: JSON, a form, or the query. Raises Refusal."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise Refusal(413, "the body is too large")
    found: dict[str, Any] = dict(request.query_params)
    if body:
        try:
            value = json.loads(body)
        except ValueError:
            raise Refusal(400, "Problems parsing JSON") from None
        if not isinstance(value, dict):
            raise Refusal(400, "Body should be a JSON object")
        found.update(value)
    for name, text in found.items():
        if text is not None and not isinstance(text, str):
            raise Refusal(422, f"{name} is not a text")
    return {name: text for name, text in found.items() if text is not None}


def time_of(status: Status) -> str:
    return datetime.fromtimestamp(status.posted, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Work = Callable[[Request], Awaitable[Response]]


def worded(work: Work, word: Callable[[str], object]) -> Work:
    """The work, with refusals in the forge's own form."""

    async def answer(request: Request) -> Response:
        try:
            return await work(request)
        except Refusal as refusal:
            return JSONResponse(word(refusal.message), refusal.status)

    return answer
