"""HTTP requests to canisters: query `http_request`, upgrade, streaming (HTTP gateway protocol).

The body reaches the canister exactly as it was sent, as signatures may cover it. Certified headers
of responses are passed through unchecked: gateway and replica are one process here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dcanary.candid import CandidError, principal

from ..api import Reject, Reply
from ..node import Node
from ..wire.body import read_body
from ..wire.errors import RequestRefused
from ..wire.http_records import (
    CanisterResponse,
    StreamingCallback,
    decode_response,
    decode_streamed,
    encode_request,
)
from .anonymous import NoAnswer, update
from .resolve import canister_of

MAX_BODY = 2 * 1024 * 1024 - 64 * 1024
"""Bytes of a request body: an ingress message holds 2 MiB, headers included."""
MAX_STREAMED = 1024 * 1024 * 1024
"""Bytes of a streamed response body."""
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Source: RFC 9110, section 5.6.2 (token); the value is section 5.5 (field-value)."""
_HEADER_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def _explain(canister_id: bytes, reject: Reject) -> RequestRefused:
    name = principal.to_text(canister_id)
    text = f"{reject.message} ({reject.error_code})"
    if reject.error_code == "IC0301":
        return RequestRefused(404, f"Canister {name} does not exist: {text}")
    if reject.error_code == "IC0536":
        return RequestRefused(404, f"Canister {name} does not serve HTTP: {text}")
    if reject.error_code in ("IC0508", "IC0509", "IC0207"):
        return RequestRefused(503, f"Canister {name} is not running: {text}")
    return RequestRefused(502, f"Canister {name} did not answer the HTTP request: {text}")


def _decode(canister_id: bytes, data: bytes) -> CanisterResponse:
    try:
        response = decode_response(data)
    except CandidError as error:
        raise RequestRefused(
            502, f"Canister {principal.to_text(canister_id)} answered no HTTP response: {error}"
        ) from error
    if not 200 <= response.status < 600:
        raise RequestRefused(
            502,
            f"Canister {principal.to_text(canister_id)} answered with HTTP status "
            f"{response.status}",
        )
    return response


def _length(request: Request, response: CanisterResponse) -> int:
    """Bytes of the body; for HEAD, of the one that GET would have, where the canister says it."""
    told = [text for key, text in response.headers if key.lower() == "content-length"]
    if request.method == "HEAD" and not response.body and told:
        return int(told[0]) if re.fullmatch("[0-9]{1,15}", told[0]) else 0
    return len(response.body)


class Gateway:
    """Answers any path with the canister that the request names."""

    def __init__(self, node: Node, domains: tuple[str, ...] = ("localhost",)) -> None:
        self._node = node
        self._domains = domains

    async def handle(self, request: Request) -> Response:
        """One request. Raises RequestRefused with a text that says what went wrong."""
        canister_id = canister_of(request, self._domains)
        if not self._node.hosts(canister_id):
            raise RequestRefused(
                404, f"Canister {principal.to_text(canister_id)} does not belong to this network"
            )
        body = await read_body(request, MAX_BODY)
        raw_path = request.scope.get("raw_path") or request.url.path.encode()
        url = raw_path.decode("latin-1").split("?")[0]
        if request.url.query:
            url += f"?{request.url.query}"
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw]
        arg = encode_request(request.method, url, headers, body)

        result = await self._node.query(principal.ANONYMOUS, canister_id, "http_request", arg)
        if isinstance(result, Reject):
            raise _explain(canister_id, result)
        response = _decode(canister_id, result.data)
        if response.upgrade:
            response = _decode(canister_id, (await self._update(canister_id, arg)).data)
        return self._respond(request, response)

    async def _update(self, canister_id: bytes, arg: bytes) -> Reply:
        try:
            outcome = await update(self._node, canister_id, "http_request_update", arg)
        except NoAnswer as error:
            raise RequestRefused(504 if error.late else 502, str(error)) from error
        if isinstance(outcome, Reject):
            raise _explain(canister_id, outcome)
        return outcome

    def _respond(self, request: Request, response: CanisterResponse) -> Response:
        headers = [
            (key.lower().encode("latin-1", "replace"), text.encode("latin-1", "replace"))
            for key, text in response.headers
            if key.lower() not in _HOP_BY_HOP
        ]
        for name, value in headers:
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise RequestRefused(502, "The canister answered with a header that HTTP forbids")
        answer: Response
        if response.streaming is None:
            body = b"" if request.method == "HEAD" else response.body
            answer = Response(body, response.status)
            if response.status >= 200 and response.status not in (204, 304):
                headers.append((b"content-length", str(_length(request, response)).encode()))
        else:
            chunks = self._stream(response.body, response.streaming)
            answer = StreamingResponse(chunks, response.status)
        answer.raw_headers = headers
        return answer

    async def _stream(self, first: bytes, callback: StreamingCallback) -> AsyncIterator[bytes]:
        yield first
        size = len(first)
        rest: StreamingCallback | None = callback
        while rest is not None:
            result = await self._node.query(
                principal.ANONYMOUS, rest.canister_id, rest.method, rest.token
            )
            # The status is sent already; an error can only cut the connection.
            if isinstance(result, Reject):
                raise RuntimeError(f"streaming callback {rest.method} failed: {result.message}")
            piece, rest = decode_streamed(result.data, rest)
            size += len(piece)
            if size > MAX_STREAMED:
                raise RuntimeError(f"a streamed response is longer than {MAX_STREAMED} bytes")
            yield piece
