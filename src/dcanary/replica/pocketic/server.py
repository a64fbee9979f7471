"""The REST API of the PocketIC server.

Every operation is answered when it is done (200), never with "still running" (202): the Python
client cannot poll.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import logging
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dcanary import not_yet

from ..network.web import WebServer, bind
from ..node import NodeStopped
from ..wire.body import read_body
from ..wire.errors import RequestRefused
from .config import parse_config
from .convert import ApiError, bad, mapping, natural, unsupported
from .instance import Instance

log = logging.getLogger(__name__)
MAX_JSON = 512 * 1024 * 1024
MAX_BLOB = 8 * 1024 * 1024 * 1024


class _Gateway:
    """A second port that serves one instance as the HTTPS interface and HTTP gateway."""

    def __init__(self, instance_id: int, host: str, port: int, app: ASGIApp) -> None:
        self.instance_id = instance_id
        sock = bind(host, port)
        sock.listen(128)
        self.port: int = sock.getsockname()[1]
        self._sock = sock
        self._server = WebServer(app)
        self._task = asyncio.create_task(self._server.serve([sock]))

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._task
        self._sock.close()


class PocketIcServer:
    """All instances of one server process."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._version = version("dcanary")
        self._instances: dict[int, Instance] = {}
        self._gateways: dict[int, _Gateway] = {}
        self._blobs: dict[bytes, bytes] = {}
        self._made = 0
        self._gateways_made = 0
        self._pending = 0
        self._last = time.monotonic()
        routes: list[tuple[str, list[str], Callable[[Request], Awaitable[object]]]] = [
            ("/status", ["GET"], self._status),
            ("/blobstore", ["POST"], self._store_blob),
            ("/blobstore/{blob_id}", ["GET"], self._read_blob),
            ("/instances", ["GET"], self._list),
            ("/instances", ["POST"], self._create),
            ("/instances/{id:int}", ["DELETE"], self._delete),
            ("/instances/{id:int}/read/{name}", ["GET"], self._get),
            ("/instances/{id:int}/_/topology", ["GET"], self._topology),
            ("/instances/{id:int}/{room}/{name}", ["POST"], self._post),
            ("/instances/{id:int}/auto_progress", ["GET"], self._is_auto_progress),
            ("/instances/{id:int}/auto_progress", ["POST"], self._auto_progress),
            ("/instances/{id:int}/stop_progress", ["POST"], self._stop_progress),
            ("/http_gateway", ["GET"], self._list_gateways),
            ("/http_gateway", ["POST"], self._make_gateway),
            ("/http_gateway/{id:int}/stop", ["POST"], self._stop_gateway),
            ("/{path:path}", ["GET", "POST", "PUT", "DELETE"], self._unknown),
        ]
        self._app = Starlette(
            routes=[
                Route(path, self._answer(handler), methods=methods)
                for path, methods, handler in routes
            ]
        )

    # -- plumbing ----------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        self._pending += 1
        try:
            await self._forward(scope, receive, send)
        finally:
            self._pending -= 1
            self._last = time.monotonic()

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/", 3) if scope["type"] == "http" else []
        if len(parts) == 4 and parts[1] == "instances" and parts[2].isdigit():
            instance = self._instances.get(int(parts[2]))
            if instance is not None and parts[3].startswith("api/"):
                inner = "/" + parts[3]
                scope = {**scope, "path": inner, "raw_path": inner.encode()}
                await instance.app(scope, receive, send)
                return
        if scope["type"] == "http" and len(scope["path"]) > 1:
            scope = {**scope, "path": scope["path"].rstrip("/")}
        await self._app(scope, receive, send)

    def _answer(
        self, handler: Callable[[Request], Awaitable[object]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                value = await handler(request)
            except (ApiError, RequestRefused) as error:
                return JSONResponse({"message": error.message}, error.status)
            except NodeStopped as error:
                return JSONResponse({"message": str(error)}, 503)
            except Exception as error:
                log.exception("%s %s failed", request.method, request.url.path)
                return JSONResponse({"message": f"internal error: {error}"}, 500)
            return value if isinstance(value, Response) else JSONResponse(value)

        return answer

    def idle_seconds(self) -> float:
        """For how long no request has been under way."""
        return 0.0 if self._pending else time.monotonic() - self._last

    async def close(self) -> None:
        """Stop gateways and instances."""
        for gateway in list(self._gateways.values()):
            await gateway.stop()
        self._gateways.clear()
        instances, self._instances = list(self._instances.values()), {}
        for instance in instances:
            await asyncio.to_thread(instance.close)

    async def _body(self, request: Request) -> Mapping[str, Any]:
        data = await read_body(request, MAX_JSON)
        if not data:
            return {}
        try:
            return mapping(await asyncio.to_thread(json.loads, data), "body")
        except ValueError as error:
            raise bad(f"the body is not JSON: {error}") from error

    def _instance(self, request: Request) -> Instance:
        number = request.path_params["id"]
        instance = self._instances.get(number)
        if instance is None:
            raise ApiError(404, f"Instance with id {number} not found")
        return instance

    # -- the server --------------------------------------------------------------------------

    async def _status(self, request: Request) -> object:
        return Response(status_code=200)

    async def _unknown(self, request: Request) -> object:
        raise ApiError(404, not_yet.POCKETIC_PATHS.sentence(f"{request.method} {request.url.path}"))

    async def _store_blob(self, request: Request) -> object:
        data = await read_body(request, MAX_BLOB)
        encoding = request.headers.get("content-encoding")
        if encoding not in (None, "gzip"):
            raise bad(f"unsupported Content-Encoding {encoding!r}: only gzip is")

        def store() -> str:
            digest = hashlib.sha256(data).digest()
            self._blobs[digest] = gzip.decompress(data) if encoding == "gzip" else data
            return digest.hex()

        try:
            return PlainTextResponse(await asyncio.to_thread(store))
        except (OSError, EOFError, zlib.error) as error:
            raise bad(f"the blob is not gzip: {error}") from error

    async def _read_blob(self, request: Request) -> object:
        try:
            blob = self._blobs.get(bytes.fromhex(request.path_params["blob_id"]))
        except ValueError as error:
            raise bad("a blob id is hexadecimal") from error
        if blob is None:
            raise ApiError(404, "no blob with this id")
        return Response(blob, media_type="application/octet-stream")

    async def _list(self, request: Request) -> object:
        known = (self._instances.get(number) for number in range(self._made))
        return ["Deleted" if instance is None else "Available" for instance in known]

    async def _create(self, request: Request) -> object:
        try:
            config = parse_config(await self._body(request))
            instance = await asyncio.to_thread(
                Instance, config, self._blobs, self._cache_dir, self._version
            )
        except ApiError as error:
            # Clients look for `message` or for `Error`.
            return JSONResponse(
                {"message": error.message, "Error": {"message": error.message}}, error.status
            )
        number = self._made
        self._made += 1
        self._instances[number] = instance
        gateway = None
        if config.gateway is not None:
            gateway = self._start_gateway(number, instance, config.gateway)
        created = {
            "instance_id": number,
            "topology": instance.topology(),
            "http_gateway_info": gateway,
        }
        return JSONResponse({"Created": created}, 201)

    async def _delete(self, request: Request) -> object:
        instance = self._instance(request)
        number = request.path_params["id"]
        del self._instances[number]
        for key, gateway in list(self._gateways.items()):
            if gateway.instance_id == number:
                del self._gateways[key]
                await gateway.stop()
        await asyncio.to_thread(instance.close)
        return Response(status_code=200)

    # -- one instance ------------------------------------------------------------------------

    async def _get(self, request: Request) -> object:
        instance = self._instance(request)
        return await asyncio.to_thread(instance.get, request.path_params["name"])

    async def _topology(self, request: Request) -> object:
        return self._instance(request).topology()

    async def _post(self, request: Request) -> object:
        instance = self._instance(request)
        room, name = request.path_params["room"], request.path_params["name"]
        if room not in ("read", "update"):
            raise unsupported(f"POST {room}/{name}")
        return await asyncio.to_thread(instance.post, room, name, await self._body(request))

    async def _is_auto_progress(self, request: Request) -> object:
        return self._instance(request).is_auto_progress()

    async def _auto_progress(self, request: Request) -> object:
        instance = self._instance(request)
        if (await self._body(request)).get("artificial_delay_ms"):
            raise unsupported("artificial_delay_ms other than 0")
        await asyncio.to_thread(instance.auto_progress)
        return None

    async def _stop_progress(self, request: Request) -> object:
        await asyncio.to_thread(self._instance(request).stop_progress)
        return None

    # -- gateways ----------------------------------------------------------------------------

    def _start_gateway(
        self, number: int, instance: Instance, config: Mapping[str, object]
    ) -> dict[str, int]:
        if config.get("https_config"):
            raise unsupported("https_config of a gateway")
        if config.get("domains") not in (None, [], ["localhost"]):
            raise unsupported("gateway domains other than localhost")
        host = str(config.get("ip_addr") or "127.0.0.1")
        port = 0 if config.get("port") is None else natural(config, "port")
        try:
            gateway = _Gateway(number, host, port, instance.app)
        except (OSError, OverflowError) as error:
            raise ApiError(502, f"the gateway cannot listen on {host}:{port}: {error}") from error
        key = self._gateways_made
        self._gateways_made += 1
        self._gateways[key] = gateway
        return {"instance_id": key, "port": gateway.port}

    async def _list_gateways(self, request: Request) -> object:
        return [
            {
                "instance_id": key,
                "port": gateway.port,
                "forward_to": {"PocketIcInstance": gateway.instance_id},
                "domains": None,
                "https_config": None,
            }
            for key, gateway in self._gateways.items()
        ]

    async def _make_gateway(self, request: Request) -> object:
        body = await self._body(request)
        target = mapping(body.get("forward_to"), "forward_to")
        if "PocketIcInstance" not in target:
            raise unsupported("a gateway to a replica elsewhere")
        number = natural(target, "PocketIcInstance")
        instance = self._instances.get(number)
        if instance is None:
            raise ApiError(404, f"Instance with id {number} not found")
        return JSONResponse({"Created": self._start_gateway(number, instance, body)}, 201)

    async def _stop_gateway(self, request: Request) -> object:
        gateway = self._gateways.pop(request.path_params["id"], None)
        if gateway is None:
            raise ApiError(404, "no gateway with this id")
        await gateway.stop()
        return None
