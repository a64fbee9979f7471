"""The WebAssembly binary format as far as the replica needs it: LEB128, sections, constants."""

from __future__ import annotations

from collections.abc import Iterator

MAGIC = b"\0asm\x01\0\0\0"

I32, I64, F32, F64, V128 = 0x7F, 0x7E, 0x7D, 0x7C, 0x7B
NUMERIC_TYPES = frozenset((I32, I64, F32, F64, V128))

SECTION_CUSTOM = 0
SECTION_TYPE = 1
SECTION_IMPORT = 2
SECTION_FUNCTION = 3
SECTION_TABLE = 4
SECTION_MEMORY = 5
SECTION_GLOBAL = 6
SECTION_EXPORT = 7
SECTION_START = 8
SECTION_ELEMENT = 9
SECTION_CODE = 10
SECTION_DATA = 11
SECTION_DATA_COUNT = 12


class MalformedModule(ValueError):
    """The bytes are not a WebAssembly module this replica can read."""


def read_uleb(data: bytes, at: int) -> tuple[int, int]:
    """Unsigned LEB128 at `at`; returns the value and the offset behind it."""
    result = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result, at
            shift += 7
            if shift > 63:
                raise MalformedModule(f"LEB128 number too long before byte {at}")
    except IndexError:
        raise MalformedModule("module ends inside a LEB128 number") from None


def read_sleb(data: bytes, at: int) -> tuple[int, int]:
    """Signed LEB128 at `at`; returns the value and the offset behind it."""
    result = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if byte & 0x40:
                    result -= 1 << shift
                return result, at
            if shift > 70:
                raise MalformedModule(f"LEB128 number too long before byte {at}")
    except IndexError:
        raise MalformedModule("module ends inside a LEB128 number") from None


def uleb(value: int) -> bytes:
    """Shortest unsigned LEB128 of a non-negative number."""
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if value:
            out.append(byte | 0x80)
        else:
            out.append(byte)
            return bytes(out)


def sleb(value: int) -> bytes:
    """Shortest signed LEB128."""
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40):
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


def read_name(data: bytes, at: int) -> tuple[str, int]:
    """A length-prefixed UTF-8 name."""
    length, at = read_uleb(data, at)
    raw = data[at : at + length]
    if len(raw) != length:
        raise MalformedModule("module ends inside a name")
    try:
        return raw.decode(), at + length
    except UnicodeDecodeError:
        raise MalformedModule("a name in the module is not UTF-8") from None


def name(text: str) -> bytes:
    """Encode a name."""
    raw = text.encode()
    return uleb(len(raw)) + raw


def sections(wasm: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (section id, start, end) of every section's content."""
    if wasm[:8] != MAGIC:
        raise MalformedModule("not a WebAssembly module: wrong magic number or version")
    at, size = 8, len(wasm)
    while at < size:
        section = wasm[at]
        length, at = read_uleb(wasm, at + 1)
        if at + length > size:
            raise MalformedModule(f"section {section} is longer than the module")
        yield section, at, at + length
        at += length


def skip_constant_expression(data: bytes, at: int) -> tuple[int | None, int]:
    """Read a constant expression; returns its value when it is one integer constant."""
    value: int | None = None
    simple = True
    count = 0
    while True:
        if at >= len(data):
            raise MalformedModule("module ends inside a constant expression")
        op = data[at]
        at += 1
        if op == 0x0B:
            return (value if simple and count == 1 else None), at
        count += 1
        if op in (0x41, 0x42):
            value, at = read_sleb(data, at)
            continue
        simple = False
        if op == 0x43:
            at += 4
        elif op == 0x44:
            at += 8
        elif op in (0x23, 0xD2):
            _, at = read_uleb(data, at)
        elif op == 0xD0:
            _, at = read_sleb(data, at)
        elif op == 0xFD:
            _, at = read_uleb(data, at)
            at += 16
        elif op not in (0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E):
            raise MalformedModule(f"instruction 0x{op:02x} in a constant expression")
