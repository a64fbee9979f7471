"""Logs of format 1, written until version 0.1.0: frames of length, CRC-32 and CBOR, no head.

They do not say how far they had come, so that a cut cannot be told from a torn end; but frames
behind a broken one can be found, and then it was damage.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cbor2

from dcanary.replica.storage.damage import Damaged

_HEADER = struct.Struct("<II")
"""Length and CRC-32 of the payload."""


def read(path: Path) -> tuple[Sequence[Any], Damaged | None]:
    """The inputs up to a torn end or to damage, and that damage."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return [], Damaged(path, None, f"it cannot be read ({error.strerror or error})")
    entries: list[Any] = []
    at = 0
    while at < len(data):
        payload = _payload(data, at)
        if payload is None:
            break
        try:
            entries.append(cbor2.loads(payload))
        except (cbor2.CBORDecodeError, ValueError):
            break
        at += _HEADER.size + len(payload)
    if _frame_behind(data, at):
        what = f"input {len(entries) + 1} cannot be read, but there are inputs behind it"
        loses = f"the network then goes on after input {len(entries)} of this log"
        return entries, Damaged(path, at, what, loses)
    return entries, None


def _payload(data: bytes, at: int) -> bytes | None:
    """The payload of a whole frame at this offset."""
    if at + _HEADER.size > len(data):
        return None
    length, checksum = _HEADER.unpack_from(data, at)
    end = at + _HEADER.size + length
    # No input is empty; eight zero bytes would pass for a frame.
    if not length or end > len(data) or zlib.crc32(data[at + _HEADER.size : end]) != checksum:
        return None
    return data[at + _HEADER.size : end]


def _frame_behind(data: bytes, at: int) -> bool:
    """Whether a whole frame begins anywhere behind this offset."""
    return any(_payload(data, later) is not None for later in range(at + 1, len(data)))
