"""`dcanary system`: the five canisters."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.parameters import CANISTER
from dcanary.client.errors import ConfigError

if TYPE_CHECKING:
    from dcanary.client.identity import Identity
    from dcanary.client.transport import NetworkAddress
from dcanary.client.names import CANISTERS, DEFAULT_IDENTITY

MAX_CYCLES = (1 << 128) - 1
"""What a canister can have."""


@click.group()
def system() -> None:
    """Build, deploy and look at an installation."""


@system.command("build")
@pass_context
def build_all(context: Context) -> None:
    """Compile the five canisters into the home folder."""
    from dcanary.cli.operations import build as build_operations

    built = build_operations.build_system(context.build_dir, context.output.progress)
    rows = [
        {
            "canister": name,
            "bytes": len(one.wasm_gz),
            "sha256": one.module_hash_gz,
            "seconds": round(one.duration, 2),
        }
        for name, one in built.items()
    ]
    context.output.table(
        rows, ["canister:id", "bytes:id:2", "sha256:hash", "seconds:id:3"], "nothing was built"
    )


def owner(context: Context) -> Identity:
    """The identity that will own the canisters; the default one is made when there is none."""
    from dcanary.client.identity import Anonymous, create_identity

    path = context.identity_path(context.identity_name)
    if context.identity_name == DEFAULT_IDENTITY and not path.exists():
        return create_identity(path)
    chosen = context.identity
    if isinstance(chosen, Anonymous):
        raise ConfigError("anonymous cannot own an installation", "choose another --identity")
    return chosen


@system.command()
@click.option(
    "--anew", is_flag=True, help="Leave the installation of system.json behind: it is gone."
)
@pass_context
def deploy(context: Context, anew: bool) -> None:
    """Build, install and wire the five canisters on the local network. Again: upgrade them.

    Canisters that system.json names are kept: when they are of another network, or this one has
    another root key, the command says so and creates nothing.
    """
    from dcanary.cli.operations import build as build_operations
    from dcanary.cli.operations import existing
    from dcanary.cli.operations import network as network_operations
    from dcanary.cli.operations import system as operations
    from dcanary.cli.operations.installation_lock import changing
    from dcanary.client.system import System

    running = network_operations.require_running(context.network_dir)
    progress = context.output.progress
    with changing(context.home, "system deploy", progress):
        identity = owner(context)
        address = network_operations.address(running)
        # Also before minutes of building.
        existing.check_kept(context.system_file, address, identity, anew)
        built = build_operations.build_system(context.build_dir, progress)
        config, done = operations.deploy(
            context.system_file, address, identity, built, progress, anew=anew
        )
    with contextlib.closing(System(config, identity)) as installed:
        for name in CANISTERS:
            # One that answers some calls only is not deployed: what fails here says why.
            installed.actor(name).call("health")
    rows = [
        {"canister": name, "principal": config.canisters[name], "result": done[name]}
        for name in CANISTERS
    ]
    context.output.table(rows, ["canister:id", "principal:id", "result:id"], "")


def _given(named: dict[str, str | None]) -> dict[str, str] | None:
    """Principals given as options: all five, or none."""
    given = {name: text for name, text in named.items() if text is not None}
    missing = [f"--{name.replace('_', '-')}" for name in CANISTERS if name not in given]
    if given and missing:
        raise ConfigError(f"name all five canisters or none: {', '.join(missing)} missing")
    return given or None


def _address(context: Context, url: str | None, root_key: str | None) -> NetworkAddress:
    """The network to connect to: the local one unless a URL is given."""
    from dcanary.cli.operations import network as network_operations
    from dcanary.client.transport import NetworkAddress, fetch_root_key

    if url is None:
        running = network_operations.require_running(context.network_dir)
        return network_operations.address(running)
    if root_key is None:
        raise ConfigError("the root key is missing", "give --root-key HEX, or --root-key fetch")
    try:
        key = fetch_root_key(url) if root_key == "fetch" else bytes.fromhex(root_key)
    except ValueError:
        raise ConfigError("--root-key is not hexadecimal") from None
    return NetworkAddress(url, key)


@system.command("top-up")
@click.argument("name", type=click.Choice(CANISTERS))
@click.option("--cycles", type=click.IntRange(1, MAX_CYCLES), required=True, help="How many.")
@pass_context
def top_up(context: Context, name: str, cycles: int) -> None:
    """Give cycles to one of the five canisters, on a local network, where they cost nothing.

    Whoever reaches a local network may do this, with any identity. Elsewhere cycles are bought:
    `icp canister top-up`, or `dfx ledger top-up`, with the canister's principal.
    """
    from dcanary.client.errors import ClientError, RejectedError
    from dcanary.client.management import Management

    canister = context.system.config.canisters[name]
    try:
        Management(context.system.connection).top_up(canister, cycles)
    except RejectedError as error:
        raise ClientError(
            f"the network gave {name} no cycles: {error}",
            "where cycles cost something, send bought ones: "
            f"icp canister top-up {canister} (or dfx ledger top-up)",
        ) from None
    context.output.record({"canister": name, "principal": canister, "given": cycles}, "canister")


@system.command()
@click.option("--project", type=click.Path(path_type=Path), default=".", show_default=True)
@click.option("--environment", help="Environment of icp or network of dfx; the only one if none.")
@click.option("--url", help="Address of the network; the local network if none.")
@click.option("--root-key", help="Hexadecimal root key; 'fetch' asks the network (own ones only).")
@click.option("--network", help="What targets call this network (default: as it is called now).")
@click.option(
    "--webhook",
    type=CANISTER,
    help="The five, in place of what icp or dfx wrote down.",
)
@click.option("--pipeline-config", type=CANISTER)
@click.option("--build-executor", type=CANISTER)
@click.option("--verification", type=CANISTER)
@click.option("--deployment", type=CANISTER)
@click.option("--any-module", is_flag=True, help="Do not build, do not compare modules.")
@click.option(
    "--same-canisters",
    is_flag=True,
    help="The five of system.json, whose network has another root key or address now; no build.",
)
@pass_context
def connect(
    context: Context,
    /,
    project: Path,
    environment: str | None,
    url: str | None,
    root_key: str | None,
    network: str | None,
    any_module: bool,
    same_canisters: bool,
    **principals: str | None,
) -> None:
    """Use canisters that icp or dfx installed: wire them, and prove what they are.

    With --same-canisters, those of system.json are used: the way back to an installation whose
    network has new keys (its subnet.seed was lost) or a new address.
    """
    from dcanary.cli.operations import build as build_operations
    from dcanary.cli.operations import connect as connecting

    if root_key is not None and url is None:
        raise ConfigError("--root-key is of the network at --url", "give both or neither")
    given = _given(principals)
    if same_canisters:
        if given or environment is not None:
            raise ConfigError("--same-canisters names the five canisters already: give no others")
        canisters = dict(context.installation.canisters)
    else:
        canisters = given or connecting.deployed(project, environment)
    address = _address(context, url, root_key)
    identity = owner(context)
    built = None
    if not any_module and not same_canisters:
        built = build_operations.build_system(context.build_dir, context.output.progress)
    progress = context.output.progress
    config = connecting.connect(
        context.system_file, address, canisters, identity, network, progress
    )
    progress("reading the modules that the network certifies")
    rows = connecting.proof(config, identity, built)
    context.output.table(rows, ["canister:id", "principal:id", "wired:id", "as_built:id"], "")
    connecting.check(rows)


@system.command()
@pass_context
def status(context: Context) -> None:
    """Version, wiring, records and cycles of the five canisters, and their certified modules.

    `current` is whether a canister has the interface that this command was made for. Exit code 1
    when one does not run or is not wired.
    """
    from dcanary.cli.operations import status as operations

    found = operations.rows(context.system)
    shown = found
    if not context.output.as_json:
        shown = [{**row, "cycles": _trillions(row["cycles"])} for row in found]
    columns = [
        "canister:id",
        "principal:principal:2",
        "state:id",
        "version:id:5",
        "current:id:6",
        "wired:id",
        "records:id:3",
        "open:id:4",
        "cycles:id:1",
    ]
    context.output.table(shown, columns, "")
    others = operations.of_another_version(found)
    if others:
        context.output.warning(
            f"of another version than this command: {', '.join(others)}. "
            "`dcanary system deploy` upgrades an older installation and keeps its records"
        )
    operations.check(found, context.home)


def _trillions(cycles: object) -> str | None:
    return f"{cycles / 1e12:.2f} T" if isinstance(cycles, int) else None
