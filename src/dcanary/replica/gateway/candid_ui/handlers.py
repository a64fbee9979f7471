"""HTTP handlers of the page: the page itself, an interface, a call."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dcanary.candid import CandidError, DidSyntaxError, Interface, parse_interface, principal
from dcanary.candid.text import decode_untyped, encode_text, format_values

from ...api import Reject, Reply
from ...node import Node
from ...wire.body import read_body
from ...wire.errors import RequestRefused
from ..anonymous import NoAnswer, update
from .describe import describe

PATH = "/_/candid"
CANISTER = principal.from_text("a4gq6-oaaaa-aaaab-qaa4q-cai")
"""Where the mainnet's Candid UI is: icp prints links to that canister."""
MAX_BODY = 3 * 1024 * 1024
"""Bytes of a call in JSON."""
METADATA = "candid:service"


class _Problem(Exception):
    """What the page shows in place of an answer."""


@cache
def _page() -> tuple[str, dict[str, str]]:
    """The page, and headers by which it runs its own script and nothing else."""
    text = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, {"content-security-policy": policy, "x-content-type-options": "nosniff"}


def page() -> Response:
    """The page, for any canister: the query parameter `id` names it."""
    text, headers = _page()
    return HTMLResponse(text, headers=headers)


class CandidUi:
    """The handlers over one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def routes(self) -> list[Route]:
        """Routes of the page and of what it asks."""
        return [
            Route(PATH, self.page, methods=["GET"]),
            Route(f"{PATH}/interface", self.interface, methods=["GET"]),
            Route(f"{PATH}/call", self.call, methods=["POST"]),
        ]

    def stands_in(self, canister_id: bytes) -> bool:
        """Whether a canister id means the page: nobody has installed a canister there."""
        return canister_id == CANISTER and self._node.canister(canister_id) is None

    async def page(self, request: Request) -> Response:
        """GET /_/candid?id=CANISTER."""
        return page()

    async def interface(self, request: Request) -> Response:
        """GET /_/candid/interface?id=CANISTER: methods, types and examples."""
        try:
            canister_id = _canister_id(request.query_params.get("id", ""))
            found = self._interface(canister_id)
        except _Problem as problem:
            return _error(404, str(problem))
        return JSONResponse(describe(principal.to_text(canister_id), found))

    async def call(self, request: Request) -> Response:
        """POST /_/candid/call {canister, method, arguments}: `{result}` or `{error}`."""
        # A page of another origin cannot send this type without asking first, which is refused.
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            return _error(415, "the call must be application/json")
        try:
            body = await read_body(request, MAX_BODY)
            canister_id, method, arguments = _fields(body)
            begun = time.monotonic()
            result = await self._call(canister_id, method, arguments)
        except (_Problem, CandidError) as problem:
            return _error(400, str(problem))
        except RequestRefused as refused:
            return _error(refused.status, refused.message)
        except NoAnswer as problem:
            return _error(504, str(problem))
        milliseconds = round((time.monotonic() - begun) * 1000, 1)
        return JSONResponse({"result": result, "milliseconds": milliseconds})

    async def _call(self, canister_id: bytes, name: str, arguments: str) -> str:
        method = self._interface(canister_id).methods.get(name)
        if method is None:
            raise _Problem(f"the canister has no method {name}")
        arg = encode_text(arguments, method.arguments.types)
        outcome: Reply | Reject
        if method.is_query:
            outcome = await self._node.query(principal.ANONYMOUS, canister_id, name, arg)
        else:
            outcome = await update(self._node, canister_id, name, arg)
        if isinstance(outcome, Reject):
            raise _Problem(f"rejected: {outcome.message} ({outcome.error_code})")
        try:
            values = method.results.decode(outcome.data)
        except CandidError:
            return decode_untyped(outcome.data)
        return format_values(values, method.results.types)

    def _interface(self, canister_id: bytes) -> Interface:
        view = self._node.canister(canister_id)
        if view is None:
            raise _Problem(f"there is no canister {principal.to_text(canister_id)} here")
        text = view.public_metadata.get(METADATA)
        if text is None:
            raise _Problem(
                f"canister {principal.to_text(canister_id)} publishes no interface (its module has "
                f"no public metadata {METADATA})"
            )
        try:
            return parse_interface(text.decode())
        except (DidSyntaxError, UnicodeDecodeError) as error:
            raise _Problem(f"the canister's interface cannot be read: {error}") from None


def _canister_id(text: str) -> bytes:
    try:
        return principal.from_text(text.strip())
    except ValueError:
        raise _Problem(f"{text!r} is not a canister id") from None


def _fields(body: bytes) -> tuple[bytes, str, str]:
    try:
        given: Any = json.loads(body)
        canister, method, arguments = given["canister"], given["method"], given["arguments"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _Problem("the call must be an object with canister, method and arguments") from None
    if not all(isinstance(one, str) for one in (canister, method, arguments)):
        raise _Problem("canister, method and arguments must be text")
    return _canister_id(canister), method, arguments


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
