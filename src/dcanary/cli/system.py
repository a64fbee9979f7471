"""`dcanary system`: the five canisters."""

from __future__ import annotations

from typing import Any

import click

from dcanary.cli.context import DEFAULT_IDENTITY, Context, pass_context
from dcanary.cli.operations import build as build_operations
from dcanary.cli.operations import network as network_operations
from dcanary.cli.operations import system as operations
from dcanary.client import principal
from dcanary.client.errors import ConfigError
from dcanary.client.identity import Anonymous, Identity, create_identity
from dcanary.client.system import CANISTERS
from dcanary.client.transport import NetworkAddress, fetch_root_key


@click.group()
def system() -> None:
    """Build, deploy and look at an installation."""


@system.command("build")
@pass_context
def build_all(context: Context) -> None:
    """Compile the five canisters into the home folder."""
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
    context.output.table(rows, ["canister", "bytes", "sha256", "seconds"], "nothing was built")


def owner(context: Context) -> Identity:
    """The identity that will own the canisters; the default one is made when there is none."""
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
    context.output.table(rows, ["canister", "principal", "result"], "")


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
        ["canister", "principal"],
        "",
    )


@system.command()
@pass_context
def status(context: Context) -> None:
    """Version, wiring, records and cycles of the five canisters, and their certified modules."""
    rows: list[dict[str, Any]] = []
    for name in CANISTERS:
        actor = context.system.actor(name)
        health = actor.health()
        module = context.system.connection.module_hash(actor.raw)
        rows.append({"canister": name, "principal": actor.canister, **health, "module": module})
    context.output.table(
        rows, ["canister", "principal", "version", "wired", "records", "open", "cycles"], ""
    )
