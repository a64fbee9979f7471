"""The local network: the embedded replica of this installation's folder."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from pathlib import Path

from dcanary.cli.errors import NetworkTrouble, translated
from dcanary.cli.operations.installation_here import InstallationHere
from dcanary.client.transport import NetworkAddress
from dcanary.replica.network import control, last_port, losses
from dcanary.replica.network.files import ENGINE_FOLDER, RunningNetwork

Say = Callable[[str], None]
"""Takes a line for people."""


def _silent(_line: str) -> None:
    return None


def ensure_started(
    state_dir: Path,
    port: int = 0,
    accept_loss: bool = False,
    *,
    system_file: Path | None = None,
    report: Say = _silent,
    warn: Say = _silent,
) -> tuple[RunningNetwork, bool]:
    """The running network of the folder, and whether this call started it.

    Port 0 means the port of the last run, so that webhook URLs and executors stay right over
    restarts; any free one at first. `accept_loss` starts without what is damaged in the folder, and
    `warn` is told of each loss. `system_file` is that of the installation which may be on the
    network. `report` is told how far a start that takes long is, `warn` when the network may be on
    another port, or has another root key, than before. Raises NetworkTrouble when the port of the
    last run is taken or its file is damaged, unless a port is named, and when the folder holds no
    state but the installation was on this machine, unless the loss is accepted.
    """
    installation = InstallationHere(system_file, state_dir)
    choice = _Port(state_dir, port, accept_loss, installation)
    with translated():
        running, started = control.ensure(
            state_dir, choice.choose, accept_loss=accept_loss, report=report
        )
    if not started and port not in (0, running.port):
        warn(
            f"the network listens on port {running.port} already; for port {port}, stop it first: "
            "dcanary network stop"
        )
    if started and accept_loss:
        lost = [*choice.lost, *losses.read(state_dir)]
        for line in lost:
            warn(f"loss accepted: {line}")
        if not lost:
            report("nothing was damaged or missing: nothing is lost")
    moved = choice.moved(running.port)
    if moved:
        warn(moved)
    other_key = installation.other_key(running)
    if other_key:
        warn(other_key)
    return running, started


class _Port:
    """The port of a start, and how it relates to that of the last run."""

    def __init__(
        self, state_dir: Path, named: int, accept_loss: bool, installation: InstallationHere
    ) -> None:
        self._state_dir = state_dir
        self._named = named
        self._accept_loss = accept_loss
        self._installation = installation
        self._last: int | None = None
        self._lost = ""
        """Why the port of the last run is not known, where there was one."""
        self.lost: list[str] = []
        """What was found to be lost before the start."""

    def choose(self) -> int:
        """The port to start on; 0 for any free one. Raises NetworkTrouble."""
        gone = self._installation.gone()
        if gone:
            if not self._accept_loss:
                raise NetworkTrouble(
                    gone,
                    f"restore {self._state_dir} from a copy, or begin with an empty network: "
                    "dcanary network start --accept-loss",
                )
            self.lost.append(f"{gone}. Begin a new one with: dcanary system deploy --anew")
        try:
            self._last = last_port.read(self._state_dir)
        except last_port.DamagedPort:
            if not self._named and not self._accept_loss:
                raise
            self._lost = "is damaged"
        else:
            checkpoints = self._state_dir / ENGINE_FOLDER / "checkpoints"
            if self._last is None and any(checkpoints.glob("[0-9]*")):
                self._lost = "is missing"
        if self._named or self._last is None:
            return self._named
        # Not any free one instead: webhooks and executors would lose the network, and whoever
        # starts it with nobody looking would not learn of it.
        _require_free(self._last)
        return self._last

    def moved(self, port: int) -> str:
        """What to say when the network, now on this port, may have been on another; else ""."""
        if self._last not in (None, port):
            what = f"the network has moved from port {self._last} to port {port}"
        elif self._lost and not self._named:
            file = self._state_dir / last_port.LAST_PORT_FILE
            what = f"{file} {self._lost}: the network is now on port {port}, perhaps not as before"
        else:
            return ""
        return (
            f"{what}. Run `dcanary system connect --same-canisters`, which writes the address to "
            "system.json, and give webhooks and other machines the new one"
        )


def _require_free(port: int) -> None:
    """Raises NetworkTrouble when the port of the last run cannot be had."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        raise NetworkTrouble(
            f"cannot listen on port {port}, that of the last run, which webhooks and executors "
            f"name: {error.strerror or error}",
            "stop what uses it, or choose another port: dcanary network start --port PORT",
        ) from None


def require_running(state_dir: Path) -> RunningNetwork:
    """Raises NetworkTrouble when no network runs on the folder."""
    with translated():
        running = control.status(state_dir)
        begun = control.starting(state_dir) if running is None else None
    if begun is not None:
        raise NetworkTrouble(
            f"the network on {state_dir} is starting: it {begun}",
            "wait for it with: dcanary network start",
        )
    if running is None:
        raise NetworkTrouble(
            f"no network runs on {state_dir}", "start one with: dcanary network start"
        )
    return running


def address(running: RunningNetwork) -> NetworkAddress:
    return NetworkAddress(running.url, bytes.fromhex(running.root_key))


def effective_canister(url: str) -> bytes:
    """A canister id of the subnet that new canisters shall be created on."""
    import httpx

    from dcanary.client import http

    try:
        with http.client(url, 5.0) as client:
            topology = client.get("/_/topology").json()
        return base64.b64decode(topology["default_effective_canister_id"]["canister_id"])
    except httpx.HTTPError as error:
        raise NetworkTrouble(f"cannot reach the network at {url}: {error}") from None
    except (KeyError, TypeError, ValueError):
        raise NetworkTrouble(
            f"{url} is not a local network: it does not say where canisters may be created",
            "install with dfx or icp there, then: dcanary system connect",
        ) from None
