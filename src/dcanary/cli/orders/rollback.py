"""A rollback as text: what it takes back, what it returns to, what is lost by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcanary.client.types.deployment import RollbackOrder


def rollback_fields(order: RollbackOrder, digest: str) -> dict[str, object]:
    """Everything that the digest binds, a field a line."""
    return {
        "takes back": order["undoes"],
        "target": f"{order['target']} on the network {order['network']}",
        "canister": order["canister"],
        "runs now": order["replaces"].hex() if order["replaces"] else "nothing",
        "returns to": order["returns_to"].hex(),
        "snapshot": order["snapshot"].hex(),
        "digest": digest,
    }


def rollback_warnings(order: RollbackOrder) -> list[str]:
    """What somebody who rolls back must not miss."""
    lost = "what the canister has stored since that snapshot is put aside, in a snapshot of its own"
    if order["difference"] is None:
        return [lost]
    return [f"somebody else changed the canister since: {order['difference']}", lost]
