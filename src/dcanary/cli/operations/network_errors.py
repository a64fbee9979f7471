"""What this machine knows of a network that a call did not reach, or not under the known key."""

from __future__ import annotations

from pathlib import Path

from dcanary.cli.operations.installation_here import SAME_CANISTERS, is_local
from dcanary.client.errors import ClientError, NetworkError, OtherRootKey, Unreachable
from dcanary.client.system import SystemConfig
from dcanary.replica.network import control
from dcanary.replica.network.files import RunningNetwork
from dcanary.replica.network.traces import empty


def explain(error: NetworkError, file: Path, state_dir: Path) -> None:
    """Give the error a hint that is right for the installation of `file`, where it is about the
    network of that one and the folder of the local network tells more."""
    if not isinstance(error, (OtherRootKey, Unreachable)) or not file.is_file():
        return
    try:
        config = SystemConfig.load_begun(file)
        running = control.status(state_dir)
    except (ClientError, OSError, RuntimeError):  # The first error is the one to be told.
        return
    if isinstance(error, Unreachable) and error.url != config.network.url:
        return
    if running is not None:
        error.hint = _of_running(error, config, file, running) or error.hint
    elif isinstance(error, Unreachable) and is_local(error.url) and empty(state_dir):
        error.hint = (
            f"if it ran from this folder, its state is gone: nothing is in {state_dir}. Restore "
            "that folder from a copy"
        )


def _of_running(
    error: NetworkError, config: SystemConfig, file: Path, running: RunningNetwork
) -> str:
    same_key = bytes.fromhex(running.root_key) == config.network.root_key
    if isinstance(error, Unreachable) and running.url != error.url:
        key = "" if same_key else ", under another root key than the installation's"
        return (
            f"the network of this folder runs at {running.url}{key}: take the installation over "
            f"there with: {SAME_CANISTERS}"
        )
    if isinstance(error, OtherRootKey) and not same_key:
        return (
            f"the network of this folder has another root key than {file} names: if its keys were "
            f"lost or replaced, trust the new ones with: {SAME_CANISTERS}"
        )
    return ""
