"""Which executors a secret's next seal is for, and what that changes.

The person who seals decides it, and no canister: a canister cannot tell who of the executors is
meant to read a value. So a secret that was restricted stays so until that person says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations.sealing import Recipient, able, chosen
from dcanary.client.errors import RefusedError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Executor
    from dcanary.client.types.pipeline_config import Secret


@dataclass(frozen=True)
class Choice:
    """Whom a secret is sealed to. `changes` are sentences about those who read it until now."""

    recipients: list[Recipient]
    restricted: bool
    changes: list[str]


def secret_of(system: System, repository: str | None, name: str) -> Secret | None:
    """The secret as the whole network answers; None when it is not set yet."""
    try:
        return system.pipeline_config.get_secret(repository, name, certified=True)
    except RefusedError as error:
        if error.kind == "NotFound":
            return None
        raise


def choice(
    name: str,
    before: Secret | None,
    found: Sequence[Executor],
    principals: Sequence[str],
    *,
    everyone: bool,
) -> Choice:
    """Whom to seal to: the executors that are named, else those of a restricted secret, else all.

    `found` are all executors. Raises UsageTrouble when nobody is left to seal to.
    """
    if principals and everyone:
        raise UsageTrouble(
            "--executor and --all-executors exclude each other",
            "give --executor for each that may read it, or --all-executors",
        )
    was_restricted = before is not None and before["restricted"]
    restricted = bool(principals) or (was_restricted and not everyone)
    readers = set() if before is None else _readers(before, found)
    named = principals
    if restricted and not principals:
        named = [each.principal for each in able(found) if each.principal in readers]
        if not named:
            raise UsageTrouble(
                f"no executor that {name} was sealed to is left",
                "choose others with --executor, or --all-executors",
            )
    recipients = chosen(found, named)
    changes = [] if before is None else _changes(name, before, readers, recipients, restricted)
    return Choice(recipients, restricted, changes)


def _readers(before: Secret, found: Sequence[Executor]) -> set[str]:
    """The executors that a secret is sealed to; without the copy of whoever sealed it."""
    known = {each["executor"] for each in found}
    named = {each["recipient"] for each in before["recipients"]}
    return {each for each in named if each in known or each != before["author"]}


def _changes(
    name: str,
    before: Secret,
    readers: set[str],
    recipients: Sequence[Recipient],
    restricted: bool,
) -> list[str]:
    version = before["version"]
    said = []
    if before["restricted"] and not restricted:
        said.append(
            f"{name} was for chosen executors only up to now (version {version}): it will be for "
            "all that are enabled"
        )
    if restricted and not before["restricted"]:
        said.append(
            f"{name} was for all executors up to now (version {version}): it will be for the "
            "chosen ones only"
        )
    if before["restricted"]:
        said += [
            f"executor {each.principal} of operator {each.operator} could not read {name} up to now"
            for each in recipients
            if each.principal not in readers
        ]
    if restricted:
        stay = {each.principal for each in recipients}
        said += [
            f"executor {each} could read {name} up to now and gets no copy: it was not chosen, is "
            "disabled, or has announced no key"
            for each in sorted(readers - stay)
        ]
    return said
