"""Stored releases as the public sees them."""

from typing import TYPE_CHECKING

from canisters.deployment.releases.rules import name_of
from canisters.deployment.steps.machine import was_installed

if TYPE_CHECKING:
    from canisters.deployment.records import DetailRecord, OrderRecord, ProgressRecord
    from shared.types.release import Release, ReleaseOrder


def _whole(order: "ReleaseOrder", detail: "DetailRecord | None") -> "ReleaseOrder":
    if detail is not None:
        order["order"] = detail["order"]
    return order


def shown(
    number: int,
    order: "OrderRecord",
    progress: "ProgressRecord",
    detail: "DetailRecord | None",
) -> "Release":
    return {
        "release": name_of(number),
        "order": _whole(order["order"], detail),
        "state": progress["state"],
        "canister": progress["canister"],
        "module_hash": progress["module_hash"],
        "previous_hash": progress["previous_hash"],
        "snapshot": progress["snapshot"],
        "note": progress["note"],
        "created_ns": progress["created_ns"],
        "updated_ns": progress["updated_ns"],
        "installed": was_installed(progress),
        "rollback": None if detail is None else detail["rollback"],
        "digest": None if detail is None else detail["digest"],
        "rolled_back_by": progress["rolled_back_by"],
        "created": progress["created"],
    }
