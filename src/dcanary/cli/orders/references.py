"""Ids of other targets in an order's argument: read from the bytes that the digest binds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dcanary.client import principal
from dcanary.client.errors import RefusedError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.verification import Approval, Order, Reference

ID_BYTES = 10
TEXT_CHARS = 27


class Referred(NamedTuple):
    """A target that the pipeline refers to, and the id that stands in the argument for it."""

    target: str
    canister: str


def referred(found: Approval, order: Order) -> list[Referred]:
    """What the argument of the order refers to, each once."""
    request = found["request"]
    upgrades = "Upgrade" in order["mode"]
    given = request["upgrade_references"] if upgrades else request["install_references"]
    return list(dict.fromkeys(_read(one, order["argument"]) for one in given or []))


def _read(reference: Reference, argument: bytes) -> Referred:
    start = reference["offset"]
    if reference["textual"]:
        text = argument[start : start + TEXT_CHARS].decode(errors="replace")
    else:
        text = principal.to_text(argument[start : start + ID_BYTES])
    return Referred(reference["canister"], text)


def lines(system: System, found: Approval, order: Order) -> list[str]:
    """A line for each id in the argument; a warning where the target has another canister now."""
    told = []
    for one in referred(found, order):
        now = _canister(system, one.target)
        if now == one.canister:
            told.append(f"argument: {one.canister} is the canister of target {one.target}")
        else:
            told.append(
                f"WARNING: the argument holds {one.canister} for target {one.target}, which is "
                f"{now or 'without a canister'} now"
            )
    return told


def _canister(system: System, target: str) -> str | None:
    try:
        return system.deployment.get_target(target)["canister"]
    except RefusedError as error:
        if error.kind != "NotFound":
            raise
        return None
