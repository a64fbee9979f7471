"""Candid values as text (filled in by the next change)."""

from __future__ import annotations


def encode_from_text(text: str) -> bytes:
    raise NotImplementedError("ic.candid_encode is not supported yet")


def decode_to_text(data: bytes) -> str:
    raise NotImplementedError("ic.candid_decode is not supported yet")
