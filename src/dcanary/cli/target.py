"""`dcanary target`: canisters that pipelines deploy to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations import register as operations
from dcanary.cli.ordering import in_order
from dcanary.cli.paging import page, paged, show
from dcanary.cli.parameters import CANISTER, CANISTER_OR_NONE, CYCLES, NAME, PRINCIPAL, SENT_CYCLES
from dcanary.client.errors import ClientError, RejectedError

if TYPE_CHECKING:
    from dcanary.client.types.deployment import Target


FIELDS = (
    "target",
    "repository",
    "network",
    "canister",
    "controllers",
    "cycles",
    "topped_up",
    "busy",
    "last_release",
    "last_change",
    "module_hash",
)
"""Of a target, as they are shown."""
NEW_CYCLES = "new_canister_gets"


@click.group()
def target() -> None:
    """Register targets and control their canisters."""


@target.command()
@click.argument("name", type=NAME)
@click.option(
    "--repository", required=True, help="Only this repository's pipeline may deploy here."
)
@click.option("--network", help="The installation's own (default); others are not supported.")
@click.option(
    "--canister",
    type=CANISTER,
    help="An existing canister (default: the first release creates one).",
)
@click.option(
    "--controller",
    "controllers",
    type=PRINCIPAL,
    multiple=True,
    help="More controllers of a new one.",
)
@click.option("--cycles", type=CYCLES, default=operations.DEFAULT_TARGET_CYCLES, show_default=True)
@pass_context
def add(
    context: Context,
    name: str,
    repository: str,
    network: str | None,
    canister: str | None,
    controllers: tuple[str, ...],
    cycles: int,
) -> None:
    """Register the target NAME."""
    made = operations.target(
        context.system,
        name,
        repository,
        network=network,
        canister=canister,
        controllers=controllers,
        cycles=cycles,
    )
    _told(context, made)
    _warn(context, repository, canister)


def _told(context: Context, found: Target) -> None:
    """What a target is, without what only releases fill in."""
    shown: Mapping[str, object] = found
    if not context.output.as_json:
        new = f"made by its first release, with {found['cycles']:,} cycles"
        shown = {
            "target": found["target"],
            "repository": found["repository"],
            "network": found["network"],
            "canister": found["canister"] or new,
            "controllers": _controllers(context, found),
        }
    context.output.record(shown, "target")


def _controllers(context: Context, found: Target) -> list[str]:
    """Who controls a canister that a release of the target creates."""
    return [f"{context.system.config.canisters['deployment']} (deployment)", *found["controllers"]]


def _warn(context: Context, repository: str | None, canister: str | None) -> None:
    """Warn of a repository that nothing comes from, and of a canister that releases cannot change.

    Of what was given: what stays was warned of before.
    """
    from dcanary.cli.operations.pipeline_checks import repository_problem

    problems = [
        repository_problem(context.system, repository) if repository else None,
        operations.uncontrolled(context.system, canister) if canister else None,
    ]
    for problem in problems:
        if problem is not None:
            context.output.warning(problem)


@target.command()
@click.argument("name")
@click.option("--repository", help="The repository whose pipeline may deploy here.")
@click.option(
    "--canister",
    type=CANISTER_OR_NONE,
    help="Another canister; '' for one that the next release creates.",
)
@click.option(
    "--controller",
    "--controllers",
    "controllers",
    type=PRINCIPAL,
    multiple=True,
    help="All controllers besides deployment of a canister that a release creates or created.",
)
@click.option("--no-controllers", is_flag=True, help="None besides deployment.")
@click.option("--cycles", type=CYCLES, help="What a new canister is created with.")
@pass_context
def update(
    context: Context,
    name: str,
    repository: str | None,
    canister: str | None,
    controllers: tuple[str, ...],
    cycles: int | None,
    no_controllers: bool = False,
) -> None:
    """Change the target NAME; what is not given stays.

    Refused while releases to it wait or run.
    """
    if controllers and no_controllers:
        raise click.UsageError("--controllers and --no-controllers exclude each other")
    changed = operations.change_target(
        context.system,
        name,
        repository=repository,
        canister=canister,
        controllers=() if no_controllers else controllers or None,
        cycles=cycles,
    )
    _told(context, changed)
    _warn(context, repository, canister)


@target.command("list")
@paged
@pass_context
def list_targets(context: Context, limit: int, cursor: str | None) -> None:
    """Registered targets."""
    answer = context.system.deployment.list_targets(page(limit, cursor))
    columns = [
        "target:id",
        "repository:text:2",
        "network:text:4",
        "canister:id:1",
        "last_release:id:3=last release",
        "busy:text:5",
    ]
    show(context, answer["next"], answer["items"], columns, "no targets: dcanary target add")


@target.command("show")
@click.argument("name")
@pass_context
def show_target(context: Context, name: str) -> None:
    """One target, and the module hash that the network certifies for its canister."""
    from dcanary.client.principal import from_text

    found = context.system.deployment.get_target(name)
    shown: dict[str, object] = in_order(found, FIELDS)
    if found["canister"] is not None:
        canister, connection = from_text(found["canister"]), context.system.connection
        exists = connection.exists(canister)
        shown["certified_module_hash"] = connection.module_hash(canister) if exists else None
        if not exists:
            context.output.warning(f"the network has no canister {found['canister']}")
    if not context.output.as_json:
        shown["controllers"] = _controllers(context, found)
        # No balance: that of a canister is not to be had from here.
        shown = {NEW_CYCLES if key == "cycles" else key: one for key, one in shown.items()}
        if found["cycles"]:
            shown[NEW_CYCLES] = f"{found['cycles']:,} cycles"
        if found["topped_up"] is not None:
            shown["topped_up"] = f"{found['topped_up']['total']:,} cycles in all"
    context.output.record(shown, "target")


@target.command()
@click.argument("name")
@click.argument("method")
@click.argument("arguments", default="()")
@pass_context
def call(context: Context, name: str, method: str, arguments: str) -> None:
    """Call METHOD of the target's canister with ARGUMENTS such as '("text", 3)'.

    As canister call does.
    """
    from dcanary.cli.operations.calls import call as call_method

    found = context.system.deployment.get_target(name)
    at_work = f"{found['busy']} is still at work there: dcanary target show {name}"
    if found["canister"] is None:
        hint = at_work if found["busy"] else "its first release creates one"
        raise ClientError(f"{name} has no canister yet", hint)
    connection = context.system.connection
    try:
        answer = call_method(connection, found["canister"], method, arguments)
    except RejectedError as error:
        # Such as IC0537: a canister that its first release has made and not yet installed.
        if found["busy"] and not error.hint:
            error.hint = at_work
        raise
    context.output.answer(answer)


def _control(context: Context, method: str, name: str, done: str) -> None:
    context.system.deployment.ask(method, name)
    context.output.say(f"{name} {done}")


@target.command()
@click.argument("name")
@pass_context
def create(context: Context, name: str) -> None:
    """Give the target its canister now, empty, before its first release.

    For pipelines that need its id to build: those with ${canister:NAME} in an environment.
    """
    _told(context, context.system.deployment.create_target_canister(name))


@target.command("top-up")
@click.argument("name")
@click.option("--cycles", type=SENT_CYCLES, required=True, help="How many; deployment's own.")
@pass_context
def top_up(context: Context, name: str, cycles: int) -> None:
    """Send cycles of the deployment canister to the target's canister.

    Who sent how many is kept with the target, whatever canister it has later: see target show.
    Deployment keeps a reserve for itself.
    """
    found = context.system.deployment.top_up_target(name, cycles)
    sent = found["topped_up"]
    shown: dict[str, object] = {"target": name, "canister": found["canister"], "sent": cycles}
    if sent is not None:
        shown["sent in all"] = sent["total"]
    context.output.record(shown, "target")


@target.command()
@click.argument("name")
@pass_context
def start(context: Context, name: str) -> None:
    """Start the target's canister."""
    _control(context, "start_target", name, "is running")


@target.command()
@click.argument("name")
@pass_context
def stop(context: Context, name: str) -> None:
    """Stop the target's canister."""
    _control(context, "stop_target", name, "is stopped")


@target.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def delete(context: Context, name: str, yes: bool) -> None:
    """Delete the target's canister for good."""
    if not yes:
        context.output.confirm("Delete this canister, its state and its snapshots?")
    _control(context, "delete_target", name, "is deleted")
