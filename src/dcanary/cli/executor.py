"""`dcanary executor`: programs that build."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.executor_cache import cache as cache_commands
from dcanary.cli.executor_log import log
from dcanary.cli.operations import register as register_operations
from dcanary.cli.paging import page, paged, show
from dcanary.cli.parameters import EXECUTOR_NAME, OFFER, OPERATOR, PRINCIPAL
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Executor

# MAX_LEASES_PER_EXECUTOR of shared/rules/limits.py.
MAX_SLOTS = 16
RUNTIMES = ["shell", "python", "motoko", "node"]


def _memory(size: int) -> str:
    return f"{size / (1 << 30):.1f}GiB"


def _size(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    from dcanary.pipeline.quantities import parse_size

    if text is None:
        return None
    try:
        return parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from None


@click.group()
def executor() -> None:
    """Register executors and run them."""


executor.add_command(cache_commands)


@executor.command()
@click.argument("name", type=EXECUTOR_NAME)
@click.option(
    "--operator",
    type=OPERATOR,
    required=True,
    help="Who answers for it; votes count per operator.",
)
@click.option(
    "--principal",
    type=PRINCIPAL,
    help="Of an executor elsewhere (default: a key made here for NAME).",
)
@click.option("--runtime", "runtimes", multiple=True, type=click.Choice(RUNTIMES))
@pass_context
def register(
    context: Context, name: str, operator: str, principal: str | None, runtimes: tuple[str, ...]
) -> None:
    """Let the executor NAME build for OPERATOR."""
    from dcanary.cli.operations import executor as operations

    chosen = list(runtimes) or RUNTIMES
    system = context.system
    who = principal or operations.executor_identity(context.executors_dir, name).principal
    made = register_operations.executor(system, who, operator, chosen)
    shown: Mapping[str, object] = made
    if not context.output.as_json:
        shown = {
            "executor": made["executor"],
            "operator": made["operator"],
            "runtimes": [next(iter(runtime)).lower() for runtime in made["runtimes"]],
        }
    context.output.record(shown, "executor")
    where = " on the machine that has its key" if principal else ""
    context.output.say(f"start it{where}: dcanary executor start {name}")


@executor.command()
@click.argument("name", type=EXECUTOR_NAME)
@click.option(
    "--allow-unsandboxed",
    is_flag=True,
    envvar="DCANARY_ALLOW_UNSANDBOXED",
    help="Build without a sandbox where none can be had. Builds can then read this machine.",
)
@click.option(
    "--slots",
    type=click.IntRange(1, MAX_SLOTS),
    default=1,
    show_default=True,
    help="How many jobs it performs at a time.",
)
@click.option(
    "--memory",
    callback=_size,
    metavar="SIZE",
    help="Memory of all slots together, such as 8GiB (default: what the machine has).",
)
@click.option(
    "--allow-network",
    is_flag=True,
    help="Perform stages that ask for the network. They then have this machine's.",
)
@click.option(
    "--region", type=OFFER, default="", help="Where it is, for stages that ask for a region."
)
@click.option(
    "--label", "labels", type=OFFER, multiple=True, help="What stages may ask for; may be repeated."
)
@click.option(
    "--build-images/--no-build-images",
    default=True,
    show_default=True,
    help="Build a standard image, or that of a repository's lock file, when a stage asks for it.",
)
@click.option(
    "--cache",
    callback=_size,
    metavar="SIZE",
    help="Room for agreed results of stages that have a cache (default: 2GiB; 0B for none).",
)
@click.option("--once", is_flag=True, help="Do one piece of work, if there is any, and end.")
@click.option("--background", is_flag=True, help="Return when it is up; see executor stop.")
@pass_context
def start(
    context: Context,
    name: str,
    allow_unsandboxed: bool,
    slots: int,
    memory: int | None,
    allow_network: bool,
    region: str,
    labels: tuple[str, ...],
    build_images: bool,
    cache: int | None,
    once: bool,
    background: bool,
) -> None:
    """Run the executor NAME until it is interrupted."""
    from dcanary.cli.operations import executor as operations
    from dcanary.cli.operations.processes import Processes
    from dcanary.cli.operations.sandboxing import require_sandbox

    installation = context.installation
    require_sandbox(context.executors_dir / name, allow_unsandboxed)
    offering = operations.Offering(
        slots, memory, allow_network, region, labels, build_images, cache
    )
    if background:
        if once:
            raise click.UsageError("--once and --background exclude each other")
        operations.require_network(installation)
        processes = Processes(context.processes_dir)
        process = operations.start_in_background(
            context.home,
            name,
            processes,
            allow_unsandboxed=allow_unsandboxed,
            offering=offering,
        )
        operations.wait_until_up(context.home, process, processes, context.output.progress)
        context.output.record({"executor": name, "pid": process.pid, "log": process.log}, "pid")
        return
    operations.run_executor(
        context.system_as(operations.executor_identity(context.executors_dir, name)),
        context.executors_dir / name,
        allow_unsandboxed=allow_unsandboxed,
        offering=offering,
        once=once,
        progress=told_at(context.output.progress),
    )


def told_at(progress: Callable[[str], None]) -> Callable[[str], None]:
    """With the moment before each line, where it goes into a log."""
    if sys.stderr.isatty():
        return progress
    return lambda text: progress(f"{moment(time.time_ns())} {text}")


executor.add_command(log)


@executor.command()
@click.argument("name", type=EXECUTOR_NAME)
@pass_context
def stop(context: Context, name: str) -> None:
    """Stop an executor of this installation; a build under way is given back."""
    from dcanary.cli.operations import executor as operations
    from dcanary.cli.operations.processes import Processes

    stopped = operations.stop(context.home, name, Processes(context.processes_dir))
    context.output.say(f"{name} is stopped" if stopped else f"{name} was not running")
    if not stopped:
        context.output.progress(
            "one that was killed is online in executor list until it was silent for 3 minutes"
        )


def presence(found: Executor) -> str:
    """Whether an executor works: `online`, `away`, `stopped`, or `disabled` whatever it does."""
    if not found["enabled"]:
        return "disabled"
    if found["offer"] is not None and found["offer"].get("leaving"):
        return "stopped"
    return "online" if found["online"] else "away"


def _here(state: str, is_preparing: bool) -> str:
    """The state that is told of an executor, which may be one of this folder that prepares."""
    return "preparing" if is_preparing and state in ("away", "stopped") else state


@executor.command("list")
@paged
@pass_context
def list_executors(context: Context, limit: int, cursor: str | None) -> None:
    """Registered executors: online, stopped, away (no contact for 3 minutes) or disabled.

    Contact is what an executor writes: a heartbeat, a commitment, or once a minute that it is
    there. Questions for work leave no trace. Names are of executors of this folder: `preparing` is
    one of them that makes what its runtimes need, and takes work when that is done.
    """
    from dcanary.cli.operations.executor import names_here, preparing

    answer = context.system.build_executor.list_executors(page(limit, cursor))
    names = names_here(context.executors_dir)
    at_it = preparing(context.executors_dir, names.values())
    rows = [
        {
            **item,
            "name": names.get(item["executor"]),
            "runtimes": [next(iter(runtime)) for runtime in item["runtimes"]],
            "slots": item["offer"]["slots"] if item["offer"] else "-",
            "memory": _memory(item["offer"]["memory_bytes"]) if item["offer"] else "-",
            "state": _here(presence(item), names.get(item["executor"]) in at_it),
            "last_seen": moment(item["last_seen_ns"]) if item["last_seen_ns"] else "never",
        }
        for item in answer["items"]
    ]
    columns = [
        "executor:principal",
        "name:id:2",
        "operator",
        "state:id:2",
        "runtimes:text:4",
        "slots:id:5",
        "memory:id:6",
        "jobs_committed:id:3=done",
        "last_seen:id:1=last contact",
    ]
    show(context, answer["next"], rows, columns, "no executors: dcanary executor register")


@executor.command()
@click.argument("principal", type=PRINCIPAL)
@pass_context
def health(context: Context, principal: str) -> None:
    """Whether an executor works: its last contact, slots at work, jobs done and leases lost."""
    found = context.system.build_executor.executor_health(principal)
    if context.output.as_json:
        context.output.json(found)
        return
    one = found["executor"]
    seen = moment(one["last_seen_ns"]) if one["last_seen_ns"] else "never"
    context.output.record(
        {
            "executor": one["executor"],
            "operator": one["operator"],
            "state": presence(one),
            "last contact": seen,
            "at work": f"{found['at_work']} of {found['slots']} slots",
            "jobs": f"{one['jobs_committed']} committed of {one['jobs_leased']} leased",
            "leases lost": one["leases_lost"],
        },
        "executor",
    )


def _enable(context: Context, principal: str, enabled: bool) -> None:
    context.system.build_executor.set_executor_enabled(principal, enabled)
    context.output.say(f"{principal} is {'enabled' if enabled else 'disabled'}")


@executor.command()
@click.argument("principal", type=PRINCIPAL)
@pass_context
def enable(context: Context, principal: str) -> None:
    """Give an executor work again."""
    _enable(context, principal, True)


@executor.command()
@click.argument("principal", type=PRINCIPAL)
@pass_context
def disable(context: Context, principal: str) -> None:
    """Give an executor no more work."""
    _enable(context, principal, False)
