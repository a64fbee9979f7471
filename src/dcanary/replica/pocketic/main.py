"""`dcanary-pocket-ic`: a PocketIC server for use as POCKET_IC_BIN."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from ..network.files import default_cache_dir
from ..network.web import WebServer, bind
from .server import PocketIcServer

DEFAULT_TTL_SECONDS = 60
COMPATIBLE_VERSION = "14.0.0"
"""Version of the PocketIC server whose API this one follows."""
_IGNORED = ("--mainnet-routing-table", "--log-levels")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dcanary-pocket-ic", description="Serves the PocketIC API on embedded subnets."
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any)")
    parser.add_argument("--ip-addr", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port-file", type=Path, help="file that tells the port to clients")
    parser.add_argument(
        "--ttl",
        type=float,
        default=DEFAULT_TTL_SECONDS,
        help="seconds without a request after which the server ends",
    )
    parser.add_argument("--cache-dir", type=Path, help="folder for compiled modules")
    for name in _IGNORED:
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument(
        "--version", action="version", version=f"pocket-ic-server {COMPATIBLE_VERSION}"
    )
    return parser


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


def _claim(port_file: Path) -> bool:
    """Create the port file; False when another server has it already."""
    try:
        os.close(os.open(port_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def main() -> int:
    """Returns the exit code: 0 at the end of the time to live, on a signal, or when another
    server already serves the port file; 1 when the port cannot be used."""
    options = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    port_file: Path | None = options.port_file
    try:
        if port_file is not None and not _claim(port_file):
            return 0
    except OSError as error:
        print(f"error: cannot create {port_file}: {error.strerror}", file=sys.stderr)
        return 1
    try:
        sock = bind(options.ip_addr, options.port)
    except OSError as error:
        where = f"{options.ip_addr}:{options.port}"
        print(f"error: cannot listen on {where}: {error.strerror}", file=sys.stderr)
        if port_file is not None:
            port_file.unlink(missing_ok=True)
        return 1
    try:
        with sock:
            cache_dir = options.cache_dir or default_cache_dir()
            asyncio.run(_serve(sock, port_file, options.ttl, cache_dir))
    finally:
        if port_file is not None:
            port_file.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
