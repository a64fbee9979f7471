"""`dcanary secret`: values that only executors can read, for the stages that list them."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.paging import page, paged, rows_of, show
from dcanary.cli.parameters import NAME, PRINCIPAL, Matching
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.cli.operations.readers import Choice
    from dcanary.cli.operations.sealing import Standing
    from dcanary.client.types.build_executor import Executor
    from dcanary.client.types.pipeline_config import SecretUse

SECRET_NAME = Matching(
    re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII),
    "a name of a secret: 1 to 64 of A-Z, 0-9 and '_', a letter first",
)
MAX_FILE_BYTES = 64 * 1024


@click.group()
def secret() -> None:
    """Seal values to executors, and see who was given them.

    Only ciphertext leaves this machine. A stage that lists a secret finds it as a variable.
    """


_name = click.argument("name", type=SECRET_NAME)
_repository = click.option(
    "--repository", type=NAME, help="For this repository only (default: for all)."
)
_executors = click.option(
    "--executor",
    "principals",
    type=PRINCIPAL,
    multiple=True,
    help=(
        "Seal to this executor only; may be repeated (default: the ones that it was set for; "
        "for a new secret all that are enabled)."
    ),
)
_everyone = click.option(
    "--all-executors", "everyone", is_flag=True, help="Seal to all executors that are enabled."
)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@secret.command("set")
@_name
@_repository
@click.option(
    "--from-file", "source", metavar="FILE", help="File with the value, or - (default: ask for it)."
)
@_executors
@_everyone
@_yes
@pass_context
def set_secret(
    context: Context,
    name: str,
    repository: str | None,
    source: str | None,
    principals: tuple[str, ...],
    everyone: bool,
    yes: bool,
) -> None:
    """Seal a value as the secret NAME; of one that is there, it is the next version.

    Line ends at the value's end are left out. Shows the executors that will be able to read it. A
    secret that was set with --executor stays with these executors until --executor or
    --all-executors says otherwise.
    """
    from dcanary.cli.operations import readers, sealing

    system = context.system
    before = readers.secret_of(system, repository, name)
    found = sealing.executors(system)
    choice = readers.choice(name, before, found, principals, everyone=everyone)
    # The answer to the question about trust cannot come from where the value comes from.
    value = _read(name, source)
    _trust(context, name, choice, found, yes=yes)
    sealer = sealing.Sealer(system, context.home)
    made = sealer.set(value, name, repository, choice.recipients, restricted=choice.restricted)
    context.output.record(
        {
            "name": name,
            "repository": repository or "all",
            "version": made["version"],
            "restricted": made["restricted"],
            "executors": [each.principal for each in choice.recipients],
        },
        "name",
    )


def _read(name: str, source: str | None) -> bytes:
    """The value of a secret. Raises ClientError when there is none to be read."""
    from dcanary.cli.errors import UsageTrouble

    if source is None:
        if not sys.stdin.isatty():
            raise click.UsageError("no terminal to ask at: give --from-file FILE, or -")
        text: str = click.prompt(f"value of {name}", hide_input=True, err=True)
        return text.encode()
    try:
        if source == "-":
            raw = sys.stdin.buffer.read(MAX_FILE_BYTES)
        else:
            with Path(source).open("rb") as file:
                raw = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise UsageTrouble(f"cannot read the value in {source}: {error.strerror}") from None
    return raw.rstrip(b"\r\n")


def _trust(
    context: Context, name: str, choice: Choice, found: Sequence[Executor], *, yes: bool
) -> None:
    """Show whom a value is sealed to, and ask whether they are to be trusted with it."""
    from dcanary.cli.operations.sealing import without_key

    recipients = choice.recipients
    for each in recipients:
        shown = each.shown
        context.output.progress(
            f"{name} will be readable by executor {shown['executor']} of operator "
            f"{shown['operator']}, key {shown['key']}"
        )
    for left in [] if choice.restricted else without_key(found):
        context.output.warning(
            f"executor {left['executor']} of operator {left['operator']} has announced no key: "
            "it gets none until it was started and the secret is sealed again"
        )
    for said in choice.changes:
        context.output.warning(said)
    if not yes:
        operators = len({each.operator for each in recipients})
        context.output.confirm(
            f"Seal {name} to {len(recipients)} executors of {operators} operators?"
        )


@secret.command("list")
@_repository
@paged
@pass_context
def list_secrets(context: Context, repository: str | None, limit: int, cursor: str | None) -> None:
    """Secrets, by name, and the executors that lack them.

    With --repository those that its stages may list: its own and those of all.
    """
    from dcanary.cli.operations import sealing

    system = context.system
    answer = system.pipeline_config.list_secrets(repository, page(limit, cursor))
    found = sealing.executors(system) if answer["items"] else []
    rows = [_row(sealing.standing(each, found), context.output.as_json) for each in answer["items"]]
    columns = [
        "name:id",
        "repository:id:1",
        "version:id",
        "executors:id",
        "lacking:text",
        "set:id:2",
    ]
    show(context, answer["next"], rows, columns, "no secrets: dcanary secret set")


def _row(found: Standing, as_json: bool) -> dict[str, object]:
    secret, lacking = found.secret, [each.shown for each in found.lacking]
    if as_json:
        return {**secret, "readers": [each.shown for each in found.readers], "lacking": lacking}
    return {
        "name": secret["name"],
        "repository": secret["repository"] or "all",
        "version": secret["version"],
        "executors": len(found.readers),
        "lacking": [f"{each['executor']} ({each['operator']})" for each in lacking],
        "set": moment(secret["set_ns"]),
    }


@secret.command()
@_name
@_repository
@_executors
@_everyone
@_yes
@pass_context
def reseal(
    context: Context,
    name: str,
    repository: str | None,
    principals: tuple[str, ...],
    everyone: bool,
    yes: bool,
) -> None:
    """Seal the value that NAME has again, after executors or their keys changed.

    Only who set it can: with a copy that only the key in the folder of this installation opens.
    It goes to all executors that are enabled; of a secret that was set with --executor to the same
    ones, until --executor or --all-executors says otherwise.
    """
    from dcanary.cli.operations import readers, sealing

    system = context.system
    secret = system.pipeline_config.get_secret(repository, name, certified=True)
    found = sealing.executors(system)
    choice = readers.choice(name, secret, found, principals, everyone=everyone)
    _trust(context, name, choice, found, yes=yes)
    sealing.Sealer(system, context.home).reseal(
        secret, choice.recipients, restricted=choice.restricted
    )
    context.output.say(
        f"{name}, version {secret['version']}, is sealed to {len(choice.recipients)}"
    )


@secret.command()
@_name
@_repository
@_yes
@pass_context
def remove(context: Context, name: str, repository: str | None, yes: bool) -> None:
    """Forget the secret NAME. Runs that need it wait; what was given out is not taken back."""
    if not yes:
        context.output.confirm(f"Remove the secret {name}?")
    context.system.pipeline_config.remove_secret(repository, name)
    context.output.say(f"{name} is removed: change the value where it came from, too")


@secret.command()
@_name
@_repository
@paged
@pass_context
def uses(
    context: Context, name: str, repository: str | None, limit: int, cursor: str | None
) -> None:
    """Which executor was given NAME for which run, newest first; also of one that was removed."""
    answer = context.system.pipeline_config.list_secret_uses(repository, name, page(limit, cursor))
    rows = rows_of(context, answer["items"], _use)
    columns = [
        "run:id",
        "stage:id",
        "version:id",
        "operator:id",
        "executor:principal:2",
        "attempt:id:3",
        "at:id:1",
    ]
    show(context, answer["next"], rows, columns, "nobody was given it")


def _use(found: SecretUse) -> dict[str, object]:
    return {**found, "at": moment(found["at_ns"])}
