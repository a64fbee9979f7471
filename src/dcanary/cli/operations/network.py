"""The local network: the embedded replica of this installation's folder."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from pathlib import Path

from dcanary.cli.errors import NetworkTrouble, translated
from dcanary.client.transport import NetworkAddress
from dcanary.replica.network import control
from dcanary.replica.network.files import RunningNetwork

LAST_PORT_FILE = "last-port"


def ensure_started(
    state_dir: Path,
    port: int = 0,
    accept_loss: bool = False,
    report: Callable[[str], None] | None = None,
) -> tuple[RunningNetwork, bool]:
    """The running network of the folder, and whether this call started it.

    Port 0 means the port of the last run, so that webhook URLs and executors stay right over
    restarts; any free one at first, or when that port is taken. `accept_loss` starts without what
    is damaged in the folder. `report` is told how far a start that takes long is.
    """
    with translated():
        running, started = control.ensure(
            state_dir,
            port or (lambda: _last_port(state_dir)),
            accept_loss=accept_loss,
            report=report or (lambda line: None),
        )
        if started:
            (state_dir / LAST_PORT_FILE).write_text(f"{running.port}\n")
        return running, started


def _last_port(state_dir: Path) -> int:
    """The port of the last run when it is free, else 0.

    Raises NetworkTrouble when the file with it says none: another port would break the URLs of
    webhooks without a word.
    """
    port = _kept_port(state_dir / LAST_PORT_FILE)
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        return 0
    return port


def _kept_port(file: Path) -> int:
    try:
        kept = file.read_bytes()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise NetworkTrouble(f"cannot read {file}: {error.strerror or error}") from None
    text = kept.strip().decode(errors="replace")
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65_536):
        raise NetworkTrouble(
            f"{file} is damaged: it says {text[:40]!a} and not the port of the last run",
            "name the port that the webhooks' URLs have: dcanary network start --port PORT",
        )
    return int(text)


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
