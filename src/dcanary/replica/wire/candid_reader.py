"""Reading Candid messages of which only some fields matter.

The HTTP side looks into few records (a canister id in a management call, an HTTP response of a
canister), whose other fields may have any type. So values are walked by the message's own type
table and are never checked against an expected type.
Source: Candid specification, section "Binary format".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .request_id import uleb128

MAGIC = b"DIDL"
MAX_DEPTH = 200
MAX_TYPES = 10_000

NULL, BOOL, NAT, INT, NAT8, NAT16, NAT32, NAT64 = -1, -2, -3, -4, -5, -6, -7, -8
INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, TEXT, RESERVED = -9, -10, -11, -12, -13, -14, -15, -16
EMPTY, OPT, VEC, RECORD, VARIANT, FUNC, SERVICE, PRINCIPAL = -17, -18, -19, -20, -21, -22, -23, -24
_FIXED = {
    NULL: 0,
    BOOL: 1,
    NAT8: 1,
    NAT16: 2,
    NAT32: 4,
    NAT64: 8,
    INT8: 1,
    INT16: 2,
    INT32: 4,
    INT64: 8,
    FLOAT32: 4,
    FLOAT64: 8,
    RESERVED: 0,
}


class CandidError(ValueError):
    """The bytes are not a Candid message, or not one of the expected shape."""


def field_hash(name: str) -> int:
    """Id of a record field or variant case."""
    value = 0
    for byte in name.encode():
        value = (value * 223 + byte) & 0xFFFFFFFF
    return value


@dataclass(frozen=True, slots=True)
class _Type:
    code: int
    inner: int = 0
    fields: tuple[tuple[int, int], ...] = ()


class _Cursor:
    __slots__ = ("data", "pos")

    def __init__(self, data: bytes, pos: int = 0) -> None:
        self.data = data
        self.pos = pos

    def take(self, count: int) -> bytes:
        end = self.pos + count
        if end > len(self.data):
            raise CandidError("Candid message ends too early")
        out = self.data[self.pos : end]
        self.pos = end
        return out

    def nat(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 4096:
                raise CandidError("number in Candid message is too long")

    def int(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if byte & 0x40 else value
            if shift > 4096:
                raise CandidError("number in Candid message is too long")


class Message:
    """A decoded type table with the arguments' values still in bytes."""

    def __init__(self, data: bytes) -> None:
        """Raises CandidError when the header is malformed."""
        if not data.startswith(MAGIC):
            raise CandidError("not a Candid message: it does not start with DIDL")
        self.data = data
        cursor = _Cursor(data, 4)
        count = cursor.nat()
        if count > MAX_TYPES:
            raise CandidError(f"type table of a Candid message has more than {MAX_TYPES} entries")
        self.types = [self._type(cursor) for _ in range(count)]
        self.table = data[4 : cursor.pos]
        # Values of no length (empty records) could otherwise multiply without end.
        self._budget = 8 * len(data) + 1024
        arg_types = [self._ref(cursor.int()) for _ in range(self._length(cursor))]
        self.args: list[Value] = []
        for ref in arg_types:
            start = cursor.pos
            self.skip(cursor, ref)
            self.args.append(Value(self, ref, start, cursor.pos))
        # Each accessor of `Value` walks its part again, once.
        self._budget = 1 << 62

    def _length(self, cursor: _Cursor) -> int:
        count = cursor.nat()
        if count > len(self.data):
            raise CandidError("Candid message announces more items than it has bytes")
        return count

    def _ref(self, ref: int) -> int:
        if ref >= len(self.types) or (ref < 0 and ref < PRINCIPAL):
            raise CandidError(f"Candid message refers to unknown type {ref}")
        return ref

    def _type(self, cursor: _Cursor) -> _Type:
        code = cursor.int()
        if code in (OPT, VEC):
            return _Type(code, cursor.int())
        if code in (RECORD, VARIANT):
            return _Type(
                code,
                fields=tuple((cursor.nat(), cursor.int()) for _ in range(self._length(cursor))),
            )
        if code == FUNC:
            for _ in range(2):
                for _ in range(self._length(cursor)):
                    cursor.int()
            cursor.take(self._length(cursor))
            return _Type(FUNC)
        if code == SERVICE:
            for _ in range(self._length(cursor)):
                cursor.take(self._length(cursor))
                cursor.int()
            return _Type(SERVICE)
        raise CandidError(f"Candid type table has unknown constructor {code}")

    def resolve(self, ref: int) -> _Type:
        """The type behind a reference (an index, or a primitive's negative code)."""
        return self.types[self._ref(ref)] if ref >= 0 else _Type(self._ref(ref))

    def skip(self, cursor: _Cursor, ref: int, depth: int = 0) -> None:
        """Move past one value of type `ref`."""
        if depth > MAX_DEPTH:
            raise CandidError(f"Candid value is nested deeper than {MAX_DEPTH}")
        self._budget -= 1
        if self._budget < 0:
            raise CandidError("Candid message holds more values than its length allows")
        kind = self.resolve(ref)
        if kind.code in _FIXED:
            cursor.take(_FIXED[kind.code])
        elif kind.code in (NAT, INT):
            cursor.int()
        elif kind.code == TEXT:
            cursor.take(self._length(cursor))
        elif kind.code == OPT:
            if cursor.take(1) != b"\0":
                self.skip(cursor, kind.inner, depth + 1)
        elif kind.code == VEC:
            count = self._length(cursor)
            inner = self.resolve(kind.inner)
            if inner.code in _FIXED:
                cursor.take(count * _FIXED[inner.code])
            else:
                for _ in range(count):
                    self.skip(cursor, kind.inner, depth + 1)
        elif kind.code == RECORD:
            for _, field in kind.fields:
                self.skip(cursor, field, depth + 1)
        elif kind.code == VARIANT:
            index = cursor.nat()
            if index >= len(kind.fields):
                raise CandidError("Candid variant has an unknown case")
            self.skip(cursor, kind.fields[index][1], depth + 1)
        elif kind.code in (PRINCIPAL, SERVICE):
            self._skip_principal(cursor)
        elif kind.code == FUNC:
            if cursor.take(1) != b"\1":
                raise CandidError("Candid message holds an opaque function reference")
            self._skip_principal(cursor)
            cursor.take(self._length(cursor))
        else:
            raise CandidError("Candid message holds a value of type empty")

    def _skip_principal(self, cursor: _Cursor) -> None:
        if cursor.take(1) != b"\1":
            raise CandidError("Candid message holds an opaque principal")
        cursor.take(self._length(cursor))


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its type and where its bytes are. The accessors raise CandidError when the
    value has another type than asked for."""

    message: Message
    ref: int
    start: int
    end: int

    def _kind(self, *codes: int) -> _Type:
        kind = self.message.resolve(self.ref)
        if kind.code not in codes:
            raise CandidError(f"Candid value has type {kind.code}, expected one of {codes}")
        return kind

    def _cursor(self) -> _Cursor:
        return _Cursor(self.message.data, self.start)

    def _child(self, cursor: _Cursor, ref: int) -> Value:
        start = cursor.pos
        self.message.skip(cursor, ref)
        return Value(self.message, ref, start, cursor.pos)

    def fields(self) -> dict[int, Value]:
        """Fields of a record by id."""
        cursor = self._cursor()
        return {fid: self._child(cursor, ref) for fid, ref in self._kind(RECORD).fields}

    def get(self, name: str) -> Value | None:
        """Field of a record by name."""
        return self.fields().get(field_hash(name))

    def case(self) -> tuple[int, Value]:
        """Chosen case of a variant: its id and its value."""
        kind = self._kind(VARIANT)
        cursor = self._cursor()
        fid, ref = kind.fields[cursor.nat()]
        return fid, self._child(cursor, ref)

    def opt(self) -> Value | None:
        """Content of an option. A value that is no option counts as its content."""
        kind = self.message.resolve(self.ref)
        if kind.code in (NULL, RESERVED):
            return None
        if kind.code != OPT:
            return self
        cursor = self._cursor()
        return None if cursor.take(1) == b"\0" else self._child(cursor, kind.inner)

    def items(self) -> Iterator[Value]:
        """Items of a vector."""
        kind = self._kind(VEC)
        cursor = self._cursor()
        for _ in range(cursor.nat()):
            yield self._child(cursor, kind.inner)

    def blob(self) -> bytes:
        """Content of a `vec nat8`."""
        if self.message.resolve(self._kind(VEC).inner).code != NAT8:
            raise CandidError("Candid value is a vector, but not of nat8")
        cursor = self._cursor()
        return cursor.take(cursor.nat())

    def text(self) -> str:
        """Content of a `text`."""
        self._kind(TEXT)
        cursor = self._cursor()
        try:
            return cursor.take(cursor.nat()).decode()
        except UnicodeDecodeError as error:
            raise CandidError("Candid text is not UTF-8") from error

    def boolean(self) -> bool:
        """Content of a `bool`."""
        self._kind(BOOL)
        return self.message.data[self.start] == 1

    def natural(self) -> int:
        """Content of a natural number of any width."""
        kind = self._kind(NAT, NAT8, NAT16, NAT32, NAT64)
        if kind.code == NAT:
            return self._cursor().nat()
        return int.from_bytes(self.message.data[self.start : self.end], "little")

    def principal(self) -> bytes:
        """Content of a `principal`."""
        self._kind(PRINCIPAL, SERVICE)
        cursor = self._cursor()
        cursor.take(1)
        return cursor.take(cursor.nat())

    def function(self) -> tuple[bytes, str]:
        """Canister id and method name of a `func` reference."""
        self._kind(FUNC)
        cursor = self._cursor()
        cursor.take(2)
        canister = cursor.take(cursor.nat())
        return canister, cursor.take(cursor.nat()).decode(errors="replace")

    def as_message(self) -> bytes:
        """This value alone as a message with one argument, byte for byte as it was received."""
        return (
            MAGIC
            + self.message.table
            + b"\x01"
            + sleb128(self.ref)
            + self.message.data[self.start : self.end]
        )


def sleb128(value: int) -> bytes:
    """Shortest signed LEB128 form."""
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40):
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


def sized(data: bytes) -> bytes:
    """`data` behind its length."""
    return uleb128(len(data)) + data
