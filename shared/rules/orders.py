"""Digests of orders: what approvers bind and what `deployment` computes again. Plain Python.

The types repeat `Order` and `RollbackOrder` of `shared/types/release.py` field by field; a test
compares them with the `.did` files.

An order that creates no canister is encoded as a record without the field `creates`, and one that
puts no files into its target without the field `assets`. These fields are younger than orders: with
a null in their place, each order that was made before would have another digest after an upgrade,
and a vote on the digest that somebody was shown would be refused.
"""

from typing import TYPE_CHECKING

from shared.rules.canonical import BLOB, digest_of

if TYPE_CHECKING:
    from shared.types.approval import Order
    from shared.types.release import RollbackOrder

SOURCE = (
    "record",
    (
        ("repository", "text"),
        ("clone_url", "text"),
        ("ref", "text"),
        ("sha", "text"),
        ("message", "text"),
        ("author", "text"),
    ),
)
MODE = (
    "variant",
    (("Auto", "null"), ("Install", "null"), ("Upgrade", "null"), ("Reinstall", "null")),
)
MEMORY = ("variant", (("Default", "null"), ("Keep", "null"), ("Replace", "null")))
GATE = (
    "variant",
    (("MaxArtifactBytes", "nat64"), ("ModuleKind", "null"), ("MemoryMode", "null")),
)
GATE_RESULT = ("record", (("gate", GATE), ("passed", "bool"), ("detail", "text")))
VERDICT = (
    "record",
    (
        ("manifest", "text"),
        ("environment", "text"),
        ("operators", ("vec", "text")),
        ("quorum", "nat16"),
        ("replicas", "nat16"),
    ),
)
CREATION = ("record", (("controllers", ("vec", "principal")), ("cycles", "nat")))
ORDER_ASSETS = (
    "record",
    (("folder", "text"), ("digest", "text"), ("files", "nat32"), ("bytes", "nat64")),
)
ORDER_OF_OLD = (
    "record",
    (
        ("target", "text"),
        ("canister", ("opt", "principal")),
        ("network", "text"),
        ("repository", "text"),
        ("run", "text"),
        ("source", SOURCE),
        ("pipeline_version", "nat32"),
        ("stage", "text"),
        ("artifact", "text"),
        ("sha256", "text"),
        ("size", "nat64"),
        ("mode", MODE),
        ("memory", MEMORY),
        ("argument", BLOB),
        ("verdict", VERDICT),
        ("gates", ("vec", GATE_RESULT)),
        ("replaces", ("opt", BLOB)),
    ),
)
LATER_FIELDS = (("creates", ("opt", CREATION)), ("assets", ("opt", ORDER_ASSETS)))
ORDER = ("record", (*ORDER_OF_OLD[1], *LATER_FIELDS))
ROLLBACK_ORDER = (
    "record",
    (
        ("target", "text"),
        ("canister", "principal"),
        ("network", "text"),
        ("undoes", "text"),
        ("snapshot", BLOB),
        ("returns_to", BLOB),
        ("replaces", ("opt", BLOB)),
        ("difference", ("opt", "text")),
    ),
)


def order_digest(order: "Order") -> str:
    """Compute the digest of an order: 64 lower-case hexadecimal digits."""
    given = {"creates": order["creates"], "assets": order["assets"]}
    later = [field for field in LATER_FIELDS if given[field[0]] is not None]
    return digest_of(("record", (*ORDER_OF_OLD[1], *later)), order).hex()


def rollback_digest(order: "RollbackOrder") -> str:
    """Compute the digest of a rollback's order: 64 lower-case hexadecimal digits."""
    return digest_of(ROLLBACK_ORDER, order).hex()
