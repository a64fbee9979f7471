"""The bytes of an input log: a head, then frames. Pure functions, no files.

The head (192 bytes) names the checkpoint that the log follows and holds two marks, written in turn:
how far the log had come when the last input was accepted. A log that ends before its mark was cut;
what lies behind the mark was never acknowledged and may be torn.

Each frame carries its number, its length and a checksum that continues that of the frame before,
all under a checksum of their own: a changed length cannot pass for a torn end, and no frame can be
left out, repeated or taken from another log.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MAGIC = b"dcanary-log-2\n"
_HEAD = struct.Struct("<16sQ16s20xI")
"""Magic, number of the checkpoint, its id, CRC-32 of all before."""
_MARK = struct.Struct("<QQI40xI")
"""Frames, bytes of the file with them, chain after them, CRC-32 of all before."""
_FRAME = struct.Struct("<QIII")
"""Number, length of the payload, chain, CRC-32 of all before."""
MARKS_AT = (_HEAD.size, _HEAD.size + _MARK.size)
HEAD_SIZE = _HEAD.size + 2 * _MARK.size


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a log has come: `frames` frames end at byte `size`, their checksum is `chain`."""

    frames: int
    size: int
    chain: int


class BadFrame(ValueError):
    """What stands at `at` is no frame of this log."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at
        self.what = what


def start(identity: bytes) -> Mark:
    """The mark of an empty log that follows the checkpoint of that id (16 bytes)."""
    return Mark(0, HEAD_SIZE, zlib.crc32(identity))


def pack_head(number: int, identity: bytes) -> bytes:
    """The head of an empty log."""
    raw = _HEAD.pack(MAGIC, number, identity, 0)[:-4]
    mark = pack_mark(start(identity))
    return raw + zlib.crc32(raw).to_bytes(4, "little") + mark + mark


def check_head(data: bytes, number: int, identity: bytes) -> None:
    """Raises BadFrame when this is not the head of the log that follows that checkpoint."""
    if len(data) < HEAD_SIZE:
        raise BadFrame(len(data), f"the head of {HEAD_SIZE} bytes is cut off")
    magic, found, of, checksum = _HEAD.unpack_from(data)
    if zlib.crc32(data[: _HEAD.size - 4]) != checksum or magic.rstrip(b"\0") != MAGIC:
        raise BadFrame(0, "the head has another checksum")
    if found != number or of != identity:
        raise BadFrame(0, f"it follows another checkpoint, number {found}")


def pack_mark(mark: Mark) -> bytes:
    """A mark as it stands in the head."""
    raw = _MARK.pack(mark.frames, mark.size, mark.chain, 0)[:-4]
    return raw + zlib.crc32(raw).to_bytes(4, "little")


def newest_mark(data: bytes) -> Mark:
    """The later of the marks that are whole: a kill may leave one half written.

    Raises BadFrame when none is.
    """
    found = []
    for at in MARKS_AT:
        frames, size, chain, checksum = _MARK.unpack_from(data, at)
        if zlib.crc32(data[at : at + _MARK.size - 4]) == checksum:
            found.append(Mark(frames, size, chain))
    if not found:
        raise BadFrame(MARKS_AT[0], "neither mark of the head has the right checksum")
    return max(found, key=lambda mark: mark.frames)


def pack_frame(payload: bytes, before: Mark) -> tuple[bytes, Mark]:
    """The frame behind `before`, and the mark behind that frame."""
    chain = zlib.crc32(payload, before.chain)
    raw = _FRAME.pack(before.frames + 1, len(payload), chain, 0)[:-4]
    frame = raw + zlib.crc32(raw).to_bytes(4, "little") + payload
    return frame, Mark(before.frames + 1, before.size + len(frame), chain)


def read_frame(data: bytes, before: Mark) -> tuple[bytes, Mark]:
    """The payload of the frame behind `before`, and the mark behind it. Raises BadFrame."""
    at, number = before.size, before.frames + 1
    if at + _FRAME.size > len(data):
        raise BadFrame(at, f"the header of input {number} is cut off")
    found, length, chain, checksum = _FRAME.unpack_from(data, at)
    if zlib.crc32(data[at : at + _FRAME.size - 4]) != checksum:
        raise BadFrame(at, f"the header of input {number} has another checksum")
    if found != number:
        raise BadFrame(at, f"input {found} stands where input {number} belongs")
    end = at + _FRAME.size + length
    if end > len(data):
        raise BadFrame(at, f"input {number} of {length} bytes is cut off")
    payload = data[at + _FRAME.size : end]
    if zlib.crc32(payload, before.chain) != chain:
        raise BadFrame(at, f"the content of input {number} has another checksum")
    return payload, Mark(number, end, chain)
