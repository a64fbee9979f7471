"""Uvicorn, run inside a program of ours."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn
from starlette.types import ASGIApp

from .guard import BACKLOG, GuardedProtocol, sweep

QUEUED = 1024
"""Connections that the system keeps until they are accepted, `BACKLOG` at a time."""


class WebServer(uvicorn.Server):
    """A server that leaves signals to the program and tells when it listens."""

    def __init__(self, app: ASGIApp, on_listening: Callable[[], None] | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=GuardedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,  # the program's own: uvicorn's writes past its filters
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=3,
                backlog=BACKLOG,
            )
        )
        self._on_listening = on_listening

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """The program's own handlers stay in place."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        for sock in sockets or ():
            sock.listen(QUEUED)
        self._sweeper = asyncio.create_task(sweep(self.server_state.connections))
        if self.started and self._on_listening is not None:
            self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and close connections."""
        self._sweeper.cancel()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """A bound TCP socket; port 0 picks a free one. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: 40 ms less per answer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock
