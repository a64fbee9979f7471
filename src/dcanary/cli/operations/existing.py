"""Where the canisters of `system.json` are: what a deployment may create depends on it."""

from __future__ import annotations

from pathlib import Path

from dcanary.cli.operations import network as network_operations
from dcanary.cli.operations.installation_here import SAME_CANISTERS
from dcanary.client import principal
from dcanary.client.errors import ConfigError, NetworkError, OtherVersion, RejectedError
from dcanary.client.identity import Identity
from dcanary.client.system import System, SystemConfig
from dcanary.client.transport import Connection, NetworkAddress

ANEW = "dcanary system deploy --anew"
_SILENT = ("IC0508", "IC0509", "IC0537")
"""Error codes of a canister that is stopped, is stopping or has no module: it cannot say its name,
and may well be the one that is looked for."""


def absent(connection: Connection, config: SystemConfig) -> list[str]:
    """Names of the canisters that the network, under the key that is trusted, does not have.

    Raises CertificateError when it answers under another key, NetworkError when not at all.
    """
    if not config.canisters:
        return []
    url = connection.network.url
    # Ids outside of the network's ranges are refused without a certificate: so prove the key first.
    connection.read_state(network_operations.effective_canister(url), [[b"time"]])
    return [
        name
        for name, text in config.canisters.items()
        if not connection.exists(principal.from_text(text))
    ]


def found(address: NetworkAddress, identity: Identity, config: SystemConfig) -> list[str]:
    """Names of the canisters of an installation that are on a network, whatever its key was before.

    One that says it is another canister does not count: new networks give the same ids again.
    """
    system = System(SystemConfig(address, config.canisters), identity)
    try:
        gone = absent(system.connection, config)
        return [name for name in config.canisters if name not in gone and _answers(system, name)]
    finally:
        system.close()


def _answers(system: System, name: str) -> bool:
    """Whether the canister is the one of that name, or cannot say."""
    try:
        return bool(system.actor(name).call("health")["name"] == name)
    except OtherVersion as error:  # Another canister altogether, or the name in another form.
        return "it has no method" not in error.message
    except RejectedError as error:
        return error.error_code in _SILENT


def check_kept(file: Path, address: NetworkAddress, identity: Identity, anew: bool) -> None:
    """Raises ConfigError when a deployment to this network would abandon canisters of the file.

    With `anew`, only canisters that are known to exist still keep it from going on.
    """
    if not file.is_file():
        return
    config = SystemConfig.load_begun(file)
    if not config.canisters:
        return
    if config.network.root_key == address.root_key:
        if anew and len(absent_here(address, identity, config)) < len(config.canisters):
            raise ConfigError(
                f"the installation of {file} exists on this network: --anew would abandon it",
                "upgrade it instead: dcanary system deploy; "
                "for a second installation, name another folder with --home",
            )
        return
    here = found(address, identity, config)
    if here:
        raise ConfigError(
            f"the network at {address.url} has another root key than the one in {file}, but holds "
            f"its canisters ({', '.join(here)}): nothing was created, for a deployment would "
            "abandon them and all their records",
            f"if the keys of this network were lost or replaced, trust the new ones: "
            f"{SAME_CANISTERS}",
        )
    if _answers_still(config, identity):
        raise ConfigError(
            f"the installation of {file} is on another network, at {config.network.url}, and "
            "exists there: nothing was created",
            "for a second installation, name another folder with --home",
        )
    if not anew:
        raise ConfigError(
            f"the installation of {file} is on another network (its root key is not that of "
            f"{address.url}), and this one does not have its canisters: nothing was created",
            f"if it is gone for good, begin anew with: {ANEW}\n"
            "  (the file is kept beside); if not, restore the folder of its network,\n"
            "  or name another folder with --home for a second installation",
        )


def absent_here(address: NetworkAddress, identity: Identity, config: SystemConfig) -> list[str]:
    """`absent`, over a connection of its own."""
    with Connection(address, identity) as connection:
        return absent(connection, config)


def _answers_still(config: SystemConfig, identity: Identity) -> bool:
    """Whether one of the canisters is known to exist on the network that the file names."""
    try:
        with Connection(config.network, identity) as connection:
            return any(
                connection.exists(principal.from_text(text)) for text in config.canisters.values()
            )
    except NetworkError:  # It does not answer, or under yet another key: nothing is known of it.
        return False
