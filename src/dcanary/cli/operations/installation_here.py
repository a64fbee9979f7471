"""What `system.json` says of an installation on the local network, before and after its start."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from dcanary.client.errors import ClientError
from dcanary.client.system import SystemConfig
from dcanary.client.transport import fetch_root_key
from dcanary.replica.network.files import RunningNetwork
from dcanary.replica.network.traces import empty

SAME_CANISTERS = "dcanary system connect --same-canisters"
"""Takes the canisters of system.json over under the network's present root key and address."""


def is_local(url: str) -> bool:
    """Whether an address is one of this machine's own."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


class InstallationHere:
    """The installation of a file, as far as it may be on the network of a folder."""

    def __init__(self, file: Path | None, state_dir: Path) -> None:
        self._file = file
        self._state_dir = state_dir
        self._known: SystemConfig | None = None
        if file is not None and file.is_file():
            try:
                config = SystemConfig.load_begun(file)
            except ClientError:  # Whoever needs it names what is wrong with it.
                return
            if config.canisters and is_local(config.network.url):
                self._known = config

    def gone(self) -> str:
        """That the folder has lost the state which held the installation; "" when it has not."""
        known = self._known
        if known is None or not empty(self._state_dir):
            return ""
        try:
            if fetch_root_key(known.network.url) == known.network.root_key:
                return ""  # On another network of this machine, which runs.
        except ClientError:
            pass
        return (
            f"{self._file} names an installation at {known.network.url}, where nothing answers "
            f"under its key, but {self._state_dir} holds no network's state"
        )

    def other_key(self, running: RunningNetwork) -> str:
        """What to say when the network runs in its place under another root key; else ""."""
        known = self._known
        if known is None or bytes.fromhex(running.root_key) == known.network.root_key:
            return ""
        if running.url != known.network.url:
            return ""
        return (
            f"this network's root key is not the one in {self._file}, so no client here trusts "
            f"it. If its keys were lost or replaced, trust the new ones: {SAME_CANISTERS}; then "
            "give the new system.json to other machines, and start executors again"
        )
