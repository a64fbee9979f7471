"""The ASGI application of one node: HTTPS interface, topology, health, and the gateway behind."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..gateway.candid_ui.handlers import CandidUi
from ..gateway.gateway import Gateway
from ..gateway.resolve import canister_of
from ..node import Node, NodeStopped
from ..wire.errors import RequestRefused
from .api import Api
from .replies import text_response

log = logging.getLogger(__name__)

_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"DNT,User-Agent,X-Requested-With,If-None-Match,If-Modified-Since,Cache-Control,"
        b"Content-Type,Range,Cookie,X-Ic-Canister-Id",
    ),
    (b"access-control-expose-headers", b"Accept-Ranges,Content-Length,Content-Range"),
    (b"access-control-max-age", b"600"),
]


class _Cors:
    """Lets browsers call /api from any origin, and answers their preflight requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": _CORS})
            await send({"type": "http.response.body", "body": b""})
            return

        async def with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_CORS]}
            await send(message)

        await self._app(scope, receive, with_cors)


def topology(node: Node, kind: str = "Application") -> dict[str, object]:
    """The network's subnet, as /_/topology and the PocketIC server describe it."""
    from dcanary.candid import principal

    def wrapped(canister_id: bytes) -> dict[str, str]:
        return {"canister_id": base64.b64encode(canister_id).decode()}

    ranges = [{"start": wrapped(low), "end": wrapped(high)} for low, high in node.ranges]
    return {
        "subnet_configs": {
            principal.to_text(node.keys.subnet_id): {
                "subnet_kind": kind,
                "subnet_seed": list(node.keys.subnet_id.ljust(32, b"\0")),
                "instruction_config": "Production",
                "canister_ranges": ranges,
                "size": 1,
            }
        },
        # The range of new canisters comes last, after the ids of native canisters.
        "default_effective_canister_id": ranges[-1]["start"] if ranges else None,
    }


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    return text_response(error.status, error.message)


async def _stopped(request: Request, error: Exception) -> Response:
    return text_response(503, str(error))


async def _failed(request: Request, error: Exception) -> Response:
    return text_response(500, "internal error of the replica: see its log")


def api_routes(api: Api, prefix: str = "") -> list[Route]:
    """Routes of the HTTPS interface under `prefix`."""
    routes = [
        Route(f"{prefix}/api/v2/status", api.status, methods=["GET"]),
        Route(f"{prefix}/api/v4/subnet/{{subnet}}/call", api.not_supported, methods=["POST"]),
        Route(f"{prefix}/api/v3/subnet/{{subnet}}/query", api.not_supported, methods=["POST"]),
    ]
    canister = f"{prefix}/api/%s/canister/{{effective}}/%s"
    for version, handler in (("v2", api.call_async), ("v3", api.call_sync), ("v4", api.call_sync)):
        routes.append(Route(canister % (version, "call"), handler, methods=["POST"]))
    for version in ("v2", "v3"):
        subnet = f"{prefix}/api/{version}/subnet/{{subnet}}/read_state"
        routes += [
            Route(canister % (version, "query"), api.query, methods=["POST"]),
            Route(canister % (version, "read_state"), api.read_canister_state, methods=["POST"]),
            Route(subnet, api.read_subnet_state, methods=["POST"]),
        ]
    return routes


def exception_handlers() -> Mapping[type[Exception], object]:
    """How errors of the handlers become answers."""
    return {RequestRefused: _refused, NodeStopped: _stopped, Exception: _failed}


def create_app(node: Node, version: str, *, domains: tuple[str, ...] = ("localhost",)) -> ASGIApp:
    """The application that serves one node. `domains` are the gateway's."""
    gateway = Gateway(node, domains)
    candid_ui = CandidUi(node)

    async def to_canister(request: Request) -> Response:
        if request.url.path == "/" and candid_ui.stands_in(canister_of(request, domains)):
            return await candid_ui.page(request)
        return await gateway.handle(request)

    async def show_topology(request: Request) -> Response:
        return JSONResponse(topology(node))

    async def health(request: Request) -> Response:
        if node.failure is not None:
            return text_response(503, "unhealthy: the engine failed, see the log of the replica")
        return text_response(200, "healthy")

    app = Starlette(
        routes=[
            *api_routes(Api(node, version)),
            Route("/_/topology", show_topology, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
            *candid_ui.routes(),
            Route(
                "/{path:path}",
                to_canister,
                methods=["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"],
            ),
        ],
        exception_handlers=exception_handlers(),  # type: ignore[arg-type]
    )
    return _Cors(app)
