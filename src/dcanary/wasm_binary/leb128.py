"""LEB128, the variable-length integers of the WebAssembly binary format (core spec, 5.2.2)."""

from __future__ import annotations


class MalformedModule(ValueError):
    """The bytes are not a WebAssembly module that can be read."""


def encode_unsigned(value: int) -> bytes:
    """Encode a non-negative integer as the shortest unsigned LEB128."""
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
    """Encode an integer as the shortest signed LEB128."""
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        if (value == 0 and not low & 0x40) or (value == -1 and low & 0x40):
            out.append(low)
            return bytes(out)
        out.append(low | 0x80)


def decode_unsigned(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return (value, offset after it) of an unsigned number of at most 64 bits.

    Raises MalformedModule when the data end inside the number or it is longer.
    """
    value = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
            if shift > 63:
                raise MalformedModule(f"LEB128 number too long before byte {at}")
    except IndexError:
        raise MalformedModule("the module ends inside a LEB128 number") from None


def decode_signed(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return (value, offset after it) of a signed number of at most 64 bits.

    Raises MalformedModule when the data end inside the number or it is longer.
    """
    value = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if byte & 0x40 else value, at
            if shift > 70:
                raise MalformedModule(f"LEB128 number too long before byte {at}")
    except IndexError:
        raise MalformedModule("the module ends inside a LEB128 number") from None


def with_length(data: bytes) -> bytes:
    """Prefix `data` with its length: the format's vector of bytes."""
    return encode_unsigned(len(data)) + data


def encode_name(text: str) -> bytes:
    """Encode a name: a UTF-8 vector."""
    return with_length(text.encode())


def decode_name(data: bytes, at: int) -> tuple[str, int]:
    """Return (name, offset after it). Raises MalformedModule."""
    length, at = decode_unsigned(data, at)
    raw = data[at : at + length]
    if len(raw) != length:
        raise MalformedModule("the module ends early, inside a name")
    try:
        return raw.decode(), at + length
    except UnicodeDecodeError:
        raise MalformedModule("a name in the module is not UTF-8") from None
