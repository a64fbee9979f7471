"""`dcanary system`: the five canisters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.client.errors import ConfigError

if TYPE_CHECKING:
    from dcanary.client.identity import Identity
from dcanary.client.names import CANISTERS, DEFAULT_IDENTITY


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
@pass_context
def deploy(context: Context) -> None:
    """Build, install and wire the five canisters on the local network. Again: upgrade them."""
    from dcanary.cli.operations import build as build_operations
    from dcanary.cli.operations import network as network_operations
    from dcanary.cli.operations import system as operations

    running = network_operations.require_running(context.network_dir)
    identity = owner(context)
    built = build_operations.build_system(context.build_dir, context.output.progress)
    config, done = operations.deploy(
        context.system_file,
        network_operations.address(running),
        identity,
        built,
        context.output.progress,
    )
    rows = [
        {"canister": name, "principal": config.canisters[name], "result": done[name]}
        for name in CANISTERS
    ]
    context.output.table(rows, ["canister:id", "principal:id", "result:id"], "")


@system.command()
@click.option("--url", required=True, help="Address of the network, such as https://icp-api.io.")
@click.option("--root-key", help="Hexadecimal root key; 'fetch' asks the network (own ones only).")
@click.option("--webhook", required=True)
@click.option("--pipeline-config", required=True)
@click.option("--build-executor", required=True)
@click.option("--verification", required=True)
@click.option("--deployment", required=True)
@pass_context
def connect(
    context: Context,
    url: str,
    root_key: str | None,
    webhook: str,
    pipeline_config: str,
    build_executor: str,
    verification: str,
    deployment: str,
) -> None:
    """Use canisters that dfx or icp installed, and wire them."""
    from dcanary.cli.operations import system as operations
    from dcanary.client import principal
    from dcanary.client.transport import NetworkAddress, fetch_root_key

    given = (webhook, pipeline_config, build_executor, verification, deployment)
    canisters = dict(zip(CANISTERS, given, strict=True))
    if root_key is None:
        raise ConfigError("the root key is missing", "give --root-key HEX, or --root-key fetch")
    try:
        key = fetch_root_key(url) if root_key == "fetch" else bytes.fromhex(root_key)
    except ValueError:
        raise ConfigError("--root-key is not hexadecimal") from None
    for text in canisters.values():
        principal.from_text(text)
    config = operations.connect(
        context.system_file, NetworkAddress(url, key), canisters, owner(context)
    )
    context.output.table(
        [{"canister": name, "principal": config.canisters[name]} for name in CANISTERS],
        ["canister:id", "principal:id"],
        "",
    )


@system.command()
@pass_context
def status(context: Context) -> None:
    """Version, wiring, records and cycles of the five canisters, and their certified modules."""
    rows: list[dict[str, object]] = []
    for name in CANISTERS:
        actor = context.system.actor(name)
        health = actor.health()
        module = context.system.connection.module_hash(actor.raw)
        row = {"canister": name, "principal": actor.canister, **health, "module": module}
        if not context.output.as_json:
            row["cycles"] = f"{health['cycles'] / 1e12:.2f} T"
        rows.append(row)
    columns = [
        "canister:id",
        "principal:principal:2",
        "version:id:5",
        "wired:id",
        "records:id:3",
        "open:id:4",
        "cycles:id:1",
    ]
    context.output.table(rows, columns, "")
