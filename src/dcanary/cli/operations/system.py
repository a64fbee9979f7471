"""Installing the five canisters and wiring them to each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from dcanary.candid import parse_interface
from dcanary.cli.operations import existing
from dcanary.cli.operations import network as network_operations
from dcanary.cli.operations.installation_lock import changing
from dcanary.cli.operations.templates import install_shipped
from dcanary.client import principal
from dcanary.client.actor import Actor
from dcanary.client.calls.pipeline_config import PipelineConfig
from dcanary.client.identity import Identity
from dcanary.client.management import Management
from dcanary.client.system import CANISTERS, SystemConfig
from dcanary.client.transport import Connection, NetworkAddress
from dcanary.wasm import BuiltCanister

NO_ARGUMENTS = b"DIDL\x00\x00"
CYCLES_PER_CANISTER = 100_000_000_000_000
LOCAL = "local"
"""What the network of this machine is called."""

Progress = Callable[[str], None]


def deploy(
    file: Path,
    address: NetworkAddress,
    identity: Identity,
    built: Mapping[str, BuiltCanister],
    progress: Progress,
    *,
    anew: bool = False,
) -> tuple[SystemConfig, dict[str, str]]:
    """Create, install (or upgrade where the module differs) and wire the five canisters.

    What was done to each canister is the second result: created, upgraded or unchanged. Safe to
    repeat after any failure: the id of a canister is saved before the next one is created, and all
    are before anything is installed. Another command that changes the installation is waited for.

    Canisters of the file are never abandoned: raises ConfigError when it is of another network, see
    `existing.check_kept`. `anew` leaves an installation behind that is nowhere to be found.
    """
    with changing(file.parent, "system deploy", progress):
        existing.check_kept(file, address, identity, anew)
        return _deploy(file, address, identity, built, progress)


def _deploy(
    file: Path,
    address: NetworkAddress,
    identity: Identity,
    built: Mapping[str, BuiltCanister],
    progress: Progress,
) -> tuple[SystemConfig, dict[str, str]]:
    done: dict[str, str] = {}
    with Connection(address, identity) as connection:
        management = Management(connection)
        config = _created(file, connection, management, progress)
        for name in CANISTERS:
            canister = config.canisters[name]
            module = built[name].wasm_gz
            installed = connection.module_hash(principal.from_text(canister))
            if installed is None:
                progress(f"{name}: installing (its module is compiled the first time) …")
                management.install(canister, module, NO_ARGUMENTS, "install")
                done[name] = "created"
            elif installed.hex() != built[name].module_hash_gz:
                progress(f"{name}: upgrading (its module is compiled the first time) …")
                management.install(canister, module, NO_ARGUMENTS, "upgrade", stopped=True)
                done[name] = "upgraded"
            else:
                # A deployment that was killed may have left it stopped.
                management.start(canister)
                done[name] = "unchanged"
            progress(f"{name} {canister} {done[name]}")
        progress("wiring them to each other")
        wire(connection, config, {name: built[name].did for name in CANISTERS})
        interface = parse_interface(built["deployment"].did)
        name_network(Actor(connection, config.canisters["deployment"], interface), LOCAL)
        bring_templates(connection, config, progress)
    return config, done


def bring_templates(connection: Connection, config: SystemConfig, progress: Progress) -> None:
    """Install or update the templates that come with DCanary, see `templates.install_shipped`."""
    actor = PipelineConfig(connection, config.canisters["pipeline_config"])
    done = Counter(install_shipped(actor).values())
    changes = [f"{done[word]} {word}" for word in ("created", "updated") if done[word]]
    if changes:
        progress(f"templates: {', '.join(changes)}")


def wire(connection: Connection, config: SystemConfig, interfaces: Mapping[str, str]) -> None:
    """Tell each canister the principals of all. The same wiring again changes nothing."""
    siblings = dict(config.canisters)
    for name in CANISTERS:
        actor = Actor(connection, config.canisters[name], parse_interface(interfaces[name]))
        actor.ask("wire", siblings)


def name_network(deployment: Actor, network: str) -> None:
    """Tell deployment what network it is on: it refuses targets of another one.

    Raises RefusedError while releases for a network of another name wait or run.
    """
    if deployment.call("network") != network:
        deployment.ask("set_network", network)


def _created(
    file: Path, connection: Connection, management: Management, progress: Progress
) -> SystemConfig:
    """The installation on this network, with those of the five canisters created that it lacks."""
    address = connection.network
    config = _existing(file, connection, progress)
    missing = [name for name in CANISTERS if name not in config.canisters]
    if missing:
        created = "five canisters" if len(missing) == len(CANISTERS) else ", ".join(missing)
        progress(f"creating {created}")
        effective = network_operations.effective_canister(address.url)
    for name in missing:
        canister = management.create(effective, CYCLES_PER_CANISTER)
        config = SystemConfig(address, {**config.canisters, name: canister})
        config.save(file)
    return config


def _existing(file: Path, connection: Connection, progress: Progress) -> SystemConfig:
    """What is saved of the installation and exists on this very network (told by its root key).

    The file of another installation, or of canisters that the network does not have, is put aside:
    they are nowhere else on record.
    """
    address = connection.network
    if not file.is_file():
        return SystemConfig(address, {})
    config = SystemConfig.load_begun(file)
    if config.network.root_key != address.root_key:
        put_aside(file, progress)
        return SystemConfig(address, {})
    gone = existing.absent(connection, config)
    if gone:
        progress(
            f"the network does not have {', '.join(gone)} of {file.name} any more: new ones are "
            "made, without the records of the old ones"
        )
        put_aside(file, progress)
    kept = {name: text for name, text in config.canisters.items() if name not in gone}
    if gone or config.network.url != address.url:
        config = SystemConfig(address, kept)
        config.save(file)
    return config


def put_aside(file: Path, progress: Progress) -> None:
    """Rename the file of an installation, so that its canisters stay on record."""
    number = 1
    while (kept := file.with_name(f"{file.stem}.before-{number}{file.suffix}")).exists():
        number += 1
    file.rename(kept)
    progress(f"the installation that was here before is on record in {kept}")
