"""The process of a network: engine, HTTPS interface and gateway until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from ..api import Engine
from ..certification.keys import SubnetKeys, keep_seed, seed_file
from ..engine import Options
from ..http.app import create_app
from ..node import Node
from ..opening import open_engine
from ..storage import Loss, WrongSubnet
from ..system import system_canisters
from . import last_port, losses
from .files import (
    ENGINE_FOLDER,
    STARTING_FILE,
    NetworkError,
    RunningNetwork,
    Starting,
    lock_soon,
    make_folder,
    remove_info,
    write_info,
    write_starting,
)
from .outcalls import Outcalls
from .web import WebServer, bind

log = logging.getLogger(__name__)


_PROGRESS_SECONDS = 0.5
"""How often a replay says how far it is."""


class _Progress:
    """Tells how far the start is, to whoever waits for it in another process."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._next = 0.0
        self(0, 0)

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _PROGRESS_SECONDS
        with contextlib.suppress(OSError):  # a full disk must not keep the network from starting
            write_starting(self._state_dir, Starting(os.getpid(), done, total))


def open_state(
    state_dir: Path,
    keys: SubnetKeys,
    cache_dir: Path | None,
    accept_loss: bool = False,
    lost: Callable[[Loss], None] = lambda _: None,
) -> Engine:
    """The engine with the state of a folder. Raises `EngineError` when it is damaged."""
    options = Options(
        subnet_id=keys.subnet_id,
        root_key=keys.root_key,
        natives=system_canisters(),
        accept_loss=accept_loss,
        progress=_Progress(state_dir),
    )
    try:
        return open_engine(
            state_dir / ENGINE_FOLDER,
            seed=keys.engine_seed,
            start_time_ns=time.time_ns(),
            cache_dir=cache_dir,
            options=options,
            lost=lost,
        )
    except WrongSubnet as error:
        raise NetworkError(
            f"{seed_file(state_dir)} is damaged or was replaced: the state beside it belongs to "
            "another subnet. Restore that file from a copy, or go on under the new keys (another "
            "root key, which clients must be told) with `dcanary network start --accept-loss`"
        ) from error


def _bind(host: str, port: int) -> socket.socket:
    try:
        return bind(host, port)
    except OSError as error:
        raise NetworkError(
            f"cannot listen on {host}:{port}: {error.strerror or error}: "
            "choose another port or stop what uses it"
        ) from error


def _keep_port(state_dir: Path, port: int) -> None:
    try:
        last_port.write(state_dir, port)
    except OSError as error:  # a full disk must not keep the network from starting
        log.warning(
            "the next start may choose another port: cannot write %s: %s",
            state_dir / last_port.LAST_PORT_FILE,
            error.strerror or error,
        )


def _keep_losses(state_dir: Path, accepted: list[Loss]) -> None:
    for loss in accepted:
        log.warning("loss accepted: %s", loss)
    try:
        losses.write(state_dir, accepted)
    except OSError as error:  # a full disk must not keep the network from starting
        log.warning("cannot write %s: %s", state_dir / losses.LOSSES_FILE, error.strerror or error)


async def _listen(node: Node, sock: socket.socket, state_dir: Path, info: RunningNetwork) -> None:
    def listening() -> None:
        _keep_port(state_dir, info.port)
        write_info(state_dir, info)
        (state_dir / STARTING_FILE).unlink(missing_ok=True)
        log.warning("network listens on %s", info.url)

    server = WebServer(create_app(node, version("dcanary")), listening)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)

    try:
        await server.serve([sock])
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def run(
    state_dir: Path,
    port: int,
    host: str,
    cache_dir: Path | None,
    *,
    allow_http_loopback: bool,
    accept_loss: bool,
) -> None:
    """`dcanary.replica.network.serve`."""
    make_folder(state_dir)
    lock = lock_soon(state_dir)
    if lock is None:
        raise NetworkError(
            f"a network already runs on {state_dir}: stop it first or choose another folder"
        )
    with lock:
        remove_info(state_dir)
        accepted: list[Loss] = []
        if accept_loss:
            losses.accept_missing(state_dir, accepted.append)
        else:
            losses.check_complete(state_dir)
        keys = SubnetKeys(losses.open_seed(state_dir, accept_loss, accepted.append))
        if not accepted:
            losses.tell_of_other_keys(state_dir, keys, accepted.append)
        sock = _bind(host, port)
        engine = open_state(state_dir, keys, cache_dir, accept_loss, accepted.append)
        keep_seed(state_dir)
        _keep_losses(state_dir, accepted)
        node = Node(engine, keys, live=True, subnet_type="application")
        outcalls = Outcalls(node, allow_http_loopback=allow_http_loopback)
        bound = sock.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        info = RunningNetwork(
            bound, keys.root_key.hex(), os.getpid(), f"http://{shown}:{bound}", int(time.time())
        )
        try:
            asyncio.run(_listen(node, sock, state_dir, info))
        finally:
            remove_info(state_dir)
            sock.close()
            outcalls.close()
            node.stop()
