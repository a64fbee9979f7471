"""What the five canisters say of themselves, and what is to be done about those that do not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dcanary.cli.operations.installation_lock import holder
from dcanary.client.errors import ClientError, RejectedError
from dcanary.client.names import CANISTERS

if TYPE_CHECKING:
    from dcanary.client.system import System

STATES = {"IC0508": "stopped", "IC0509": "stopping", "IC0537": "empty", "IC0301": "missing"}
"""Error code of a rejection -> what the canister is: `empty` without a module, `missing` when the
network has no such canister."""
RUNNING = "running"
FAILS = "fails"
"""The state of a canister that rejects the call for another reason."""
_OF_HEALTH = ("version", "wired", "records", "open", "cycles")


def rows(system: System) -> list[dict[str, object]]:
    """A row for each canister, also for one that does not answer: then what it is, in `state`.

    Raises NetworkError.
    """
    return [_row(system, name) for name in CANISTERS]


def _row(system: System, name: str) -> dict[str, object]:
    actor = system.actor(name)
    row: dict[str, object] = {"canister": name, "principal": actor.canister, "state": RUNNING}
    try:
        row |= actor.health()
    except RejectedError as error:
        row |= dict.fromkeys(_OF_HEALTH)
        row["state"] = STATES.get(error.error_code, FAILS)
        row["problem"] = f"rejects calls: {error.reject_message} ({error.error_code})"
    if row["state"] == "missing":
        return {**row, "module": None, "current": None}
    row["module"] = system.connection.module_hash(actor.raw)
    row["current"] = None if row["module"] is None else actor.is_of_this_version()
    return row


def check(found: list[dict[str, object]], home: Path) -> None:
    """Raises ClientError with what to do when a canister does not run or is not wired."""
    wrong = [_problem(row) for row in found if row["state"] != RUNNING]
    wrong += [
        f"{row['canister']} is not wired"
        for row in found
        if row["state"] == RUNNING and not row["wired"]
    ]
    if not wrong:
        return
    busy = holder(home)
    if busy is not None:
        hint = f"{busy} changes this installation: look again when it has ended"
    elif any(row["state"] == "missing" for row in found):
        hint = "is this the network of this installation? its file is system.json"
    else:
        hint = "finish or repeat the deployment: dcanary system deploy"
    raise ClientError("; ".join(wrong), hint)


def _problem(row: dict[str, object]) -> str:
    what = row["problem"] if row["state"] == FAILS else f"is {row['state']}"
    return f"{row['canister']} {what}"


def of_another_version(found: list[dict[str, object]]) -> list[str]:
    """Names of canisters with another interface than the one this command was made for."""
    return [str(row["canister"]) for row in found if row["current"] is False]
