"""Principals: binary and textual form (interface specification, section "Principals")."""

from __future__ import annotations

import base64
import hashlib
import zlib

MANAGEMENT_CANISTER = b""
ANONYMOUS = b"\x04"
MAX_LENGTH = 29
"""A principal has at most 29 bytes."""


def self_authenticating(der_public_key: bytes) -> bytes:
    """Principal of the owner of a DER-encoded public key."""
    return hashlib.sha224(der_public_key).digest() + b"\x02"


def to_text(principal: bytes) -> str:
    """Groups of five base32 characters over CRC-32 and bytes, such as `aaaaa-aa`."""
    checked = zlib.crc32(principal).to_bytes(4, "big") + principal
    text = base64.b32encode(checked).decode().rstrip("=").lower()
    return "-".join(text[i : i + 5] for i in range(0, len(text), 5))


def from_text(text: str) -> bytes:
    """Inverse of `to_text`. Raises ValueError when `text` is not the canonical form."""
    packed = text.replace("-", "").upper()
    try:
        checked = base64.b32decode(packed + "=" * (-len(packed) % 8))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a principal: not base32") from error
    principal = checked[4:]
    if len(checked) < 4 or len(principal) > MAX_LENGTH or to_text(principal) != text.lower():
        raise ValueError(f"{text!r} is not a principal: wrong length, checksum or grouping")
    return principal
