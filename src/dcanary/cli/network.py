"""`dcanary network`: the embedded Internet Computer of this folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.errors import translated
from dcanary.cli.times import moment
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.replica.network.files import RunningNetwork

KEY_DIGITS = 16
"""By which people tell root keys apart: all begin alike."""


@click.group()
def network() -> None:
    """Start, look at and stop the local network."""


def _show(context: Context, found: RunningNetwork) -> None:
    """What runs; for people the end of its root key, which `--json` has whole."""
    running: dict[str, object] = asdict(found)
    if not context.output.as_json:
        running = {
            "url": found.url,
            "port": found.port,
            "pid": found.pid,
            "started": moment(found.started * 10**9),
            "root_key": f"…{found.root_key[-KEY_DIGITS:]} (whole: --json)",
        }
    context.output.record(running, "url")


@network.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 keeps the last one.")
@click.option(
    "--accept-loss", is_flag=True, help="Start without what is damaged; it is kept aside."
)
@pass_context
def start(context: Context, port: int, accept_loss: bool) -> None:
    """Start the network in the background. Its state stays on disk.

    With --accept-loss, what is lost by it, and where it is kept, is told.
    """
    from dcanary.cli.operations import network as operations

    running, started = operations.ensure_started(
        context.network_dir,
        port,
        accept_loss,
        system_file=context.system_file,
        report=context.output.progress,
        warn=context.output.warning,
    )
    context.output.say("started" if started else "already running")
    _show(context, running)


@network.command()
@pass_context
def stop(context: Context) -> None:
    """Stop the network; its state stays on disk."""
    from dcanary.replica.network import control

    with translated():
        stopped = control.stop(context.network_dir, context.output.progress)
    context.output.say("stopped" if stopped else "no network was running")


@network.command()
@pass_context
def status(context: Context) -> None:
    """Show address and root key (whole with --json). Exit code 3 when no network runs."""
    from dcanary.cli.operations import network as operations

    running = operations.require_running(context.network_dir)
    _show(context, running)


@network.command()
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    help="Folder of the network's state; by default this installation's.",
)
@pass_context
def check(context: Context, state: Path | None) -> None:
    """Verify the state on disk of a stopped network. Exit code 1 when it is damaged."""
    from dcanary.replica.network.check import check as check_state

    folder = state or context.network_dir
    with translated():
        found = check_state(folder)
    if found.damage:
        raise ClientError(
            "\n".join(found.damage),
            "restore the folder from a copy, or start without what is damaged: "
            "dcanary network start --accept-loss",
        )
    context.output.say(
        f"sound: checkpoint {found.checkpoint}, {found.canisters} canisters, {found.files} files, "
        f"{found.inputs} inputs after the checkpoint"
    )
    if context.output.as_json or context.output.quiet:
        context.output.record({"state": str(folder), **asdict(found)}, "state")
