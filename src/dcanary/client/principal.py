"""Principals as text and bytes, checked (IC interface specification, "Principals")."""

from __future__ import annotations

import base64
import hashlib
import zlib

from dcanary.client.errors import ConfigError

ANONYMOUS = b"\x04"
MANAGEMENT = b""


def to_text(raw: bytes) -> str:
    """Base32 of crc32 || bytes, in groups of five."""
    checked = zlib.crc32(raw).to_bytes(4, "big") + raw
    letters = base64.b32encode(checked).decode().lower().rstrip("=")
    return "-".join(letters[i : i + 5] for i in range(0, len(letters), 5))


def from_text(text: str) -> bytes:
    """Raises ConfigError when `text` is not the canonical form of a principal."""
    letters = text.replace("-", "").upper()
    try:
        checked = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError:
        checked = b""
    raw = checked[4:]
    if len(checked) < 4 or len(raw) > 29 or to_text(raw) != text:
        raise ConfigError(
            f"{text!r} is not a principal", "a principal looks like rrkah-fqaaa-aaaaa-aaaaq-cai"
        )
    return raw


def self_authenticating(der_public_key: bytes) -> bytes:
    """sha224(DER public key) || 0x02."""
    return hashlib.sha224(der_public_key).digest() + b"\x02"
