"""Settings of this installation: the name of the network that it is on."""

from canisters.deployment import store
from canisters.deployment.records import SETTINGS_KEY
from shared.rules.limits import MAX_NAME_CHARS
from shared.rules.refused import conflict, invalid

DEFAULT_NETWORK = "local"


def network() -> str:
    """The network that this installation is on."""
    settings = store.settings.get(SETTINGS_KEY)
    return DEFAULT_NETWORK if settings is None else settings["network"]


def set_network(name: str) -> None:
    """Say what network this installation is on. Targets that are registered keep their own.

    Raises Conflict while releases wait or run: people approved them for the network of before.
    """
    size = len(name.encode())
    if not 1 <= size <= MAX_NAME_CHARS:
        raise invalid(f"network has {size} bytes: use 1 to {MAX_NAME_CHARS}")
    if name == network():
        return
    waiting = store.open_releases.len()
    if waiting > 0:
        raise conflict(
            f"{waiting} releases for network {network()} wait or run: try again when they have "
            "ended"
        )
    store.settings.insert(SETTINGS_KEY, {"version": 1, "network": name})
