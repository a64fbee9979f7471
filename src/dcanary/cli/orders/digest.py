"""The digest of an order, computed here: a canister's word for it is only a claim."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Literal

from dcanary.candid import Codec, parse_types, record_without
from dcanary.client.actor import interface_text
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.client.types.deployment import RollbackOrder, RollbackPlan
    from dcanary.client.types.verification import Approval, Order


LATER_FIELDS: tuple[Literal["creates", "assets"], ...] = ("creates", "assets")


@cache
def _codec(file: str, name: str, *without: str) -> Codec:
    node = parse_types(interface_text(file))[name]
    return Codec([record_without(node, *without)])


def order_digest(order: Order) -> str:
    """sha256 of the order's canonical encoding (its Candid message), in hexadecimal.

    An order that creates no canister is encoded without the field `creates`, and one without files
    without `assets`: earlier versions had neither, see `shared/rules/orders.py`.
    """
    without = [name for name in LATER_FIELDS if order[name] is None]
    encoded = _codec("verification.did", "Order", *without).encode([order])
    return hashlib.sha256(encoded).hexdigest()


def rollback_digest(order: RollbackOrder) -> str:
    """sha256 of a rollback's canonical encoding, in hexadecimal."""
    return hashlib.sha256(_codec("deployment.did", "RollbackOrder").encode([order])).hexdigest()


def checked_rollback_digest(plan: RollbackPlan) -> str:
    """The digest of the plan that is shown. Raises ClientError when the canister says another."""
    computed = rollback_digest(plan["order"])
    if computed != plan["digest"]:
        raise ClientError(
            f"the rollback that is shown has the digest {computed}, "
            f"but the canister says {plan['digest']}",
            "canister and command line are of different versions, or one lies",
        )
    return computed


def checked_digest(found: Approval) -> str:
    """The digest of the order that is shown. Raises ClientError when the canister says another."""
    name = found["approval"]
    if found["order"] is None or found["digest"] is None:
        raise ClientError(
            f"{name} has no order yet",
            "it was made by an earlier version; look again in a moment",
        )
    computed = order_digest(found["order"])
    if computed != found["digest"]:
        raise ClientError(
            f"{name}: the order that is shown has the digest {computed}, "
            f"but the canister says {found['digest']}",
            "do not approve it: canister and command line are of different versions, or one lies",
        )
    return computed
