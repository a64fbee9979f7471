"""A local forge whose API of statuses answers wrongly when it is told to.

    faults = ForgeFaults()
    with Forge(folder, wrap=faults.wrap) as forge:
        faults.next("500", "lost")      # the next two posts

Only posts are counted and hit, unless `reads` is set.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANSWERS: dict[str, tuple[int, dict[str, str], dict[str, object]]] = {
    "401": (401, {}, {"message": "Bad credentials"}),
    "403": (403, {}, {"message": "Resource not accessible by personal access token"}),
    "403 limit": (403, {"x-ratelimit-remaining": "0"}, {"message": "API rate limit exceeded"}),
    "404": (404, {}, {"message": "Not Found"}),
    "422": (422, {}, {"message": "Validation Failed"}),
    "429": (429, {"retry-after": "2"}, {"message": "Too Many Requests"}),
    "500": (500, {}, {"message": "Server Error"}),
}
"""Fault -> the answer in place of the forge's. A limit ends after LIMIT_SECONDS."""
AFTER = ("lost", "slow")
"""The request is carried out, then its answer is lost (502), or comes after `slow_seconds`."""
LIMIT_SECONDS = 2


@dataclass(frozen=True)
class Call:
    """A request to the API, and the fault that it met."""

    method: str
    path: str
    fault: str


class ForgeFaults:
    """Faults for the posts to come, in order, then none; `calls` are all requests so far."""

    def __init__(self, slow_seconds: float = 30.0, clock: Callable[[], float] = time.time) -> None:
        self.slow_seconds = slow_seconds
        self._clock = clock
        self.reads = False
        self.calls: list[Call] = []
        self._faults: list[str] = []
        self._always = ""

    def next(self, *faults: str) -> None:
        """Let the posts to come meet these, each one. Raises ValueError for an unknown fault."""
        for fault in faults:
            if fault not in ANSWERS and fault not in AFTER:
                raise ValueError(f"{fault!r} is no fault: use {', '.join((*ANSWERS, *AFTER))}")
        self._faults += faults

    def always(self, fault: str) -> None:
        """Let every post meet this, until it is called with ""."""
        self._always = fault

    def posts(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST"]

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Put the faults around a forge's application."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not _is_of_statuses(scope["path"]):
                await app(scope, receive, send)
                return
            fault = ""
            if scope["method"] == "POST" or self.reads:
                fault = self._faults.pop(0) if self._faults else self._always
            self.calls.append(Call(scope["method"], scope["path"], fault))
            if fault in ANSWERS:
                await self._refuse(send, fault)
            elif fault == "lost":
                await app(scope, receive, _nowhere)
                await _answer(send, 502, {}, {"message": "Bad Gateway"})
            elif fault == "slow":
                await app(scope, receive, self._late(send))
            else:
                await app(scope, receive, send)

        return answer

    def _late(self, send: Send) -> Send:
        waited: list[bool] = []

        async def later(message: Message) -> None:
            if not waited:
                waited.append(True)
                await asyncio.sleep(self.slow_seconds)
            await send(message)

        return later

    async def _refuse(self, send: Send, fault: str) -> None:
        status, headers, body = ANSWERS[fault]
        if "x-ratelimit-remaining" in headers:
            reset = str(int(self._clock()) + LIMIT_SECONDS)
            headers = {**headers, "x-ratelimit-reset": reset}
        await _answer(send, status, headers, body)


def _is_of_statuses(path: str) -> bool:
    return path.startswith(("/api/", "/2.0/"))


async def _nowhere(message: Message) -> None:
    return


async def _answer(
    send: Send, status: int, headers: dict[str, str], body: dict[str, object]
) -> None:
    content = json.dumps(body).encode()
    named = {"content-type": "application/json", "content-length": str(len(content)), **headers}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        }
    )
    await send({"type": "http.response.body", "body": content})
