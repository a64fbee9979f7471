"""LEB128, the variable-length integers of the WebAssembly binary format (core spec, 5.2.2)."""

from __future__ import annotations


def encode_unsigned(value: int) -> bytes:
    """Encode a non-negative integer as unsigned LEB128."""
    if value < 0:
        raise ValueError(f"{value} is negative")
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        if not value:
            out.append(low)
            return bytes(out)
        out.append(low | 0x80)


def encode_signed(value: int) -> bytes:
    """Encode an integer as signed LEB128."""
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        if (value == 0 and not low & 0x40) or (value == -1 and low & 0x40):
            out.append(low)
            return bytes(out)
        out.append(low | 0x80)


def decode_unsigned(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return (value, offset after it). Raises ValueError when the data end inside the number."""
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("the data end inside a LEB128 number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def decode_signed(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return (value, offset after it). Raises ValueError when the data end inside the number."""
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("the data end inside a LEB128 number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value - (1 << shift) if byte & 0x40 else value, at


def with_length(data: bytes) -> bytes:
    """Prefix `data` with its length: the format's vector of bytes."""
    return encode_unsigned(len(data)) + data


def name(text: str) -> bytes:
    """Encode a name: a UTF-8 vector."""
    return with_length(text.encode())
