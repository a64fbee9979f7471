"""The server process: listens until a signal comes or nobody asks any more."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

from dcanary import folders

from ..network.web import WebServer, bind
from .server import PocketIcServer


async def _serve(sock: socket.socket, port_file: Path | None, ttl: float, cache_dir: Path) -> None:
    api = PocketIcServer(cache_dir)

    def listening() -> None:
        port = sock.getsockname()[1]
        if port_file is not None:
            port_file.write_text(f"{port}\n")
        print(f"The PocketIC server is listening on port {port}", flush=True)

    server = WebServer(api, listening)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)

    async def watch() -> None:
        while api.idle_seconds() < ttl:
            await asyncio.sleep(min(0.5, ttl))
        stop()

    watcher = asyncio.create_task(watch())
    try:
        await server.serve([sock])
    finally:
        watcher.cancel()
        await api.close()


def run(host: str, port: int, port_file: Path | None, ttl: float, cache_dir: Path | None) -> int:
    """Serve until `ttl` seconds pass without a request, or SIGTERM or SIGINT. Returns the exit
    code: 1 when the port cannot be used."""
    try:
        sock = bind(host, port)
    except OSError as error:
        print(f"error: cannot listen on {host}:{port}: {error.strerror}", file=sys.stderr)
        return 1
    with sock:
        asyncio.run(_serve(sock, port_file, ttl, cache_dir or folders.compiled_modules()))
    return 0
