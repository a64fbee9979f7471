"""The canister ids of the subnet."""

from __future__ import annotations

from dcanary.replica.state import limits

FIRST_CANISTER = 0xFFFFFFFFFFE00000
"""The block of canister ids test networks hand out: lxzze-o7777-77777-aaaaa-cai and on."""


def canister_id(number: int) -> bytes:
    """Opaque id of a canister by its number."""
    return number.to_bytes(8, "big") + b"\x01\x01"


def canister_number(principal: bytes) -> int | None:
    """Number of a canister id; None for other principals."""
    if len(principal) != 10 or principal[8:] != b"\x01\x01":
        return None
    return int.from_bytes(principal[:8], "big")


def default_range() -> tuple[int, int]:
    """First and last number this subnet hands out."""
    return FIRST_CANISTER, FIRST_CANISTER + limits.CANISTERS_PER_SUBNET - 1
