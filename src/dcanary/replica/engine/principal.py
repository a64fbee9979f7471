"""Principals: text form and the canister ids of the subnet."""

from __future__ import annotations

import base64
import zlib

from dcanary.replica.engine import limits

FIRST_CANISTER = 0xFFFFFFFFFFE00000
"""The block of canister ids test networks hand out: lxzze-o7777-77777-aaaaa-cai and on."""


def to_text(principal: bytes) -> str:
    """Text form: base32 of checksum and bytes, in groups of five."""
    checksum = zlib.crc32(principal).to_bytes(4, "big")
    text = base64.b32encode(checksum + principal).decode().rstrip("=").lower()
    return "-".join(text[at : at + 5] for at in range(0, len(text), 5))


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
