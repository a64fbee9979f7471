"""`dcanary network`: the embedded Internet Computer of this folder."""

from __future__ import annotations

from dataclasses import asdict

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.errors import NetworkTrouble, translated
from dcanary.cli.operations import network as operations
from dcanary.replica.network import control


@click.group()
def network() -> None:
    """Start, look at and stop the local network."""


@network.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 keeps the last one.")
@pass_context
def start(context: Context, port: int) -> None:
    """Start the network in the background. Its state stays on disk."""
    running, started = operations.ensure_started(context.network_dir, port)
    context.output.say("started" if started else "already running")
    context.output.record(asdict(running), "url")


@network.command()
@pass_context
def stop(context: Context) -> None:
    """Stop the network; its state stays on disk."""
    with translated():
        stopped = control.stop(context.network_dir)
    context.output.say("stopped" if stopped else "no network was running")


@network.command()
@pass_context
def status(context: Context) -> None:
    """Show address and root key. Exit code 3 when no network runs."""
    with translated():
        running = control.status(context.network_dir)
    if running is None:
        raise NetworkTrouble(
            f"no network runs on {context.network_dir}", "start one with: dcanary network start"
        )
    context.output.record(asdict(running), "url")
