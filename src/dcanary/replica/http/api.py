"""Handlers of /api/v2, /api/v3 and /api/v4 over one node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from dcanary import not_yet
from dcanary.candid import principal

from ..api import Ingress, Reject
from ..node import Node
from ..wire.authentication import authenticate
from ..wire.body import read_body
from ..wire.effective import check_effective_canister_id
from ..wire.envelope import CallRequest, ReadStateRequest, decode_envelope
from ..wire.errors import RequestRefused, bad_request
from .paths import check_canister_paths, check_subnet_paths
from .replies import CBOR, cbor_response, query_response, reject_fields, text_response

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a POST body."""
MAX_INGRESS = 2 * 1024 * 1024
"""Bytes of a call's method name and argument."""
SYNC_CALL_SECONDS = 10.0
"""How long a synchronous call waits before it answers "accepted"."""
ASYNC_CALL_SECONDS = 3.0
"""How long an asynchronous call waits for the checks: some clients give up after 5 s."""
IMPLEMENTATION = "dcanary-replica"

Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """The HTTPS interface of one node."""

    def __init__(self, node: Node, version: str) -> None:
        self._node = node
        self._version = version
        self._submitting: set[asyncio.Future[Reject | None]] = set()
        """Messages still to be checked, whose senders were told "accepted": the event loop itself
        keeps no task alive."""

    async def status(self, request: Request) -> Response:
        """GET /api/v2/status."""
        healthy = self._node.failure is None
        return cbor_response(
            {
                "root_key": self._node.keys.root_key,
                "impl_version": f"{IMPLEMENTATION} {self._version}",
                "ic_api_version": "0.66.0",
                "replica_health_status": "healthy" if healthy else "unhealthy",
                "certified_height": 1,
            }
        )

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != CBOR:
            raise bad_request(f"Unexpected content-type, expected {CBOR}, got {kind or 'none'}.")
        return await read_body(request, MAX_BODY)

    def _principal(self, request: Request, name: str) -> bytes:
        try:
            return principal.from_text(request.path_params[name])
        except ValueError as error:
            raise bad_request(f"Invalid principal in the URL: {error}") from error

    def _effective(self, request: Request, *, may_be_management: bool) -> bytes:
        effective = self._principal(request, "effective")
        if effective == principal.MANAGEMENT_CANISTER and may_be_management:
            return effective
        if not self._node.hosts(effective):
            raise bad_request(
                f"canister_not_found: canister {principal.to_text(effective)} does not belong to "
                "this subnet: its id is in none of the subnet's canister ranges"
            )
        return effective

    async def _call_request(self, request: Request, *, query: bool) -> CallRequest:
        envelope = decode_envelope(await self._body(request))
        call = envelope.request
        if not isinstance(call, CallRequest) or call.is_query != query:
            raise bad_request(f"request_type must be {'query' if query else 'call'} at this URL")
        is_management = call.canister_id == principal.MANAGEMENT_CANISTER
        effective = self._effective(request, may_be_management=is_management)
        check_effective_canister_id(call, effective)
        authenticate(envelope, self._node.now())
        return call

    async def _ingress(self, request: Request) -> Ingress:
        call = await self._call_request(request, query=False)
        size = len(call.arg) + len(call.method)
        if size > MAX_INGRESS:
            raise RequestRefused(
                413,
                f"Request {call.request_id.hex()} is too large. Message byte size {size} is "
                f"larger than the max allowed {MAX_INGRESS}.",
            )
        return Ingress(
            call.request_id,
            call.sender,
            call.canister_id,
            call.method,
            call.arg,
            call.ingress_expiry,
        )

    async def call_async(self, request: Request) -> Response:
        """POST /api/v2/canister/<id>/call: 202 at once, or why the call is not taken."""
        message = await self._ingress(request)
        answered = False
        submitting = asyncio.ensure_future(self._node.submit(message, lambda: answered))
        done, _ = await asyncio.wait([submitting], timeout=ASYNC_CALL_SECONDS)
        if not done:
            answered = True
            self._submitting.add(submitting)
            submitting.add_done_callback(self._submitting.discard)
            return Response(status_code=202)
        refusal = submitting.result()
        return (
            Response(status_code=202) if refusal is None else cbor_response(reject_fields(refusal))
        )

    async def call_sync(self, request: Request) -> Response:
        """POST /api/v3 and /api/v4/canister/<id>/call: waits for the outcome."""
        message = await self._ingress(request)
        refusal: Reject | None = await self._node.submit(message)
        if refusal is not None:
            return cbor_response({"status": "non_replicated_rejection", **reject_fields(refusal)})
        if await self._node.wait(message.request_id, SYNC_CALL_SECONDS) is None:
            return Response(status_code=202)
        certificate = self._node.certificate([(b"request_status", message.request_id)])
        return cbor_response({"status": "replied", "certificate": certificate})

    async def query(self, request: Request) -> Response:
        """POST /api/v2 and /api/v3/canister/<id>/query."""
        call = await self._call_request(request, query=True)
        result = await self._node.query(call.sender, call.canister_id, call.method, call.arg)
        return query_response(self._node.keys, result, call.request_id, self._node.now())

    async def _read_request(self, request: Request) -> ReadStateRequest:
        envelope = decode_envelope(await self._body(request))
        if not isinstance(envelope.request, ReadStateRequest):
            raise bad_request("request_type must be read_state at this URL")
        authenticate(envelope, self._node.now())
        return envelope.request

    async def read_canister_state(self, request: Request) -> Response:
        """POST /api/v2 and /api/v3/canister/<id>/read_state."""
        effective = self._effective(request, may_be_management=True)
        read = await self._read_request(request)
        state = await self._node.state_after_round()
        check_canister_paths(self._node, state, read, effective)
        return cbor_response({"certificate": self._node.certificate(read.paths, state)})

    async def read_subnet_state(self, request: Request) -> Response:
        """POST /api/v2 and /api/v3/subnet/<id>/read_state."""
        subnet = self._principal(request, "subnet")
        if subnet != self._node.keys.subnet_id:
            raise bad_request(f"subnet_not_found: {principal.to_text(subnet)}")
        read = await self._read_request(request)
        check_subnet_paths(read)
        state = await self._node.state_after_round()
        return cbor_response({"certificate": self._node.certificate(read.paths, state)})

    async def not_supported(self, request: Request) -> Response:
        """Parts of the interface that only clients of cloud engines use."""
        return text_response(
            501, not_yet.SUBNET_CALLS.sentence(f"{request.method} {request.url.path}")
        )
