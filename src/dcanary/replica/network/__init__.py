"""The running network: the process around a node, and its life cycle.

Importing this is cheap: the engine and the web server are loaded by `serve` alone.
"""

from __future__ import annotations

from pathlib import Path

from .control import start, status, stop
from .files import NetworkError, RunningNetwork

__all__ = ["NetworkError", "RunningNetwork", "serve", "start", "status", "stop"]


def serve(
    state_dir: Path,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    cache_dir: Path | None = None,
    allow_http_loopback: bool = False,
    accept_loss: bool = False,
) -> None:
    """Run a network in the foreground until SIGTERM or SIGINT; its state is then on disk.

    `port` 0 picks a free one; `network.json` in the folder tells it. `allow_http_loopback` lets
    canisters make plain HTTP outcalls to this machine. `accept_loss` starts without what is damaged
    in the folder, which is kept aside. Must be called from the main thread.
    Raises NetworkError when another network uses the folder or the port is taken.
    """
    from .process import run

    run(
        state_dir,
        port,
        host,
        cache_dir,
        allow_http_loopback=allow_http_loopback,
        accept_loss=accept_loss,
    )
