"""Representation-independent hash (interface specification, section "Request ids")."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from .errors import bad_request


def uleb128(value: int) -> bytes:
    """Shortest unsigned LEB128 form of a non-negative integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _hash_value(value: object) -> bytes:
    if isinstance(value, bytes):
        return hashlib.sha256(value).digest()
    if isinstance(value, str):
        return hashlib.sha256(value.encode()).digest()
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise bad_request("a request contains a negative number: only naturals can be hashed")
        return hashlib.sha256(uleb128(value)).digest()
    if isinstance(value, (list, tuple)):
        return hashlib.sha256(b"".join(_hash_value(item) for item in value)).digest()
    if isinstance(value, Mapping):
        return hash_of_map(value)
    raise bad_request(f"a request contains a value that has no hash: {type(value).__name__}")


def hash_of_map(content: Mapping[object, object]) -> bytes:
    """Hash of a map from text to values; null values count as absent.

    Raises RequestRefused (400) for keys or values that have no representation.
    """
    pairs = []
    for key, value in content.items():
        if not isinstance(key, str):
            raise bad_request("a request contains a map whose keys are not texts")
        if value is not None:
            pairs.append(hashlib.sha256(key.encode()).digest() + _hash_value(value))
    return hashlib.sha256(b"".join(sorted(pairs))).digest()
