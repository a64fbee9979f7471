"""Decoding of Candid values, with the coercions of subtyping."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from dcanary.replica.candid.types import (
    BOOL,
    BY_CODE,
    CODE_FUNC,
    CODE_OPT,
    CODE_RECORD,
    CODE_SERVICE,
    CODE_VARIANT,
    CODE_VEC,
    FLOAT32,
    FLOAT64,
    INT,
    NAT,
    NAT8,
    NULL,
    PRINCIPAL,
    RESERVED,
    TEXT,
    Blob,
    CandidError,
    Func,
    Opt,
    Primitive,
    Record,
    Type,
    Variant,
    Vec,
    WireType,
)

_MAX_DEPTH = 100
_MAX_EMPTY_ITEMS = 100_000
"""Items without bytes a vector may have; they cost nothing to send."""
_MAX_TYPES = 10_000
_FREE_STEPS = 200_000
"""Values a message may hold beyond those its bytes account for: types can nest records without
fields, or options over each other, to any number of values of no size."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.table: list[WireType] = []
        self.depth = 0
        self.steps = _FREE_STEPS + 4 * len(data)

    # Bytes ---------------------------------------------------------------------------------

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise CandidError(f"message ends at byte {len(self.data)}, {count} more expected")
        out = self.data[self.at : end]
        self.at = end
        return out

    def uleb(self) -> int:
        result = shift = 0
        data, at = self.data, self.at
        try:
            while True:
                byte = data[at]
                at += 1
                result |= (byte & 0x7F) << shift
                if byte < 0x80:
                    self.at = at
                    return result
                shift += 7
        except IndexError:
            raise CandidError("message ends inside a number") from None

    def sleb(self) -> int:
        result = shift = 0
        data, at = self.data, self.at
        try:
            while True:
                byte = data[at]
                at += 1
                result |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    self.at = at
                    return result - (1 << shift) if byte & 0x40 else result
        except IndexError:
            raise CandidError("message ends inside a number") from None

    def text(self) -> str:
        raw = self.take(self.uleb())
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise CandidError("text is not UTF-8") from None

    # Types ---------------------------------------------------------------------------------

    def read_table(self) -> None:
        count = self.uleb()
        if count > _MAX_TYPES:
            raise CandidError(f"type table of {count} entries")
        for _ in range(count):
            self.table.append(self._entry())

    def _entry(self) -> WireType:
        code = self.sleb()
        if code in (CODE_OPT, CODE_VEC):
            return WireType(code, self.sleb())
        if code in (CODE_RECORD, CODE_VARIANT):
            fields: list[tuple[int, int]] = []
            previous = -1
            for _ in range(self.uleb()):
                number = self.uleb()
                if number <= previous:
                    raise CandidError("fields of a type are not sorted")
                previous = number
                fields.append((number, self.sleb()))
            return WireType(code, fields=fields)
        if code == CODE_FUNC:
            for _ in range(2):
                for _ in range(self.uleb()):
                    self.sleb()
            self.take(self.uleb())
            return WireType(code)
        if code == CODE_SERVICE:
            for _ in range(self.uleb()):
                self.take(self.uleb())
                self.sleb()
            return WireType(code)
        if code < CODE_SERVICE - 1:  # a future type says its own length
            self.take(self.uleb())
            return WireType(code)
        raise CandidError(f"unknown type code {code} in the type table")

    def wire(self, reference: int) -> WireType:
        if reference < 0:
            if reference not in BY_CODE:
                raise CandidError(f"unknown type code {reference}")
            return WireType(reference)
        try:
            return self.table[reference]
        except IndexError:
            raise CandidError(f"type {reference} is not in the type table") from None

    # Values --------------------------------------------------------------------------------

    def value(self, wire: WireType, kind: Type | None) -> Any:
        """Read a value; `kind` None skips it."""
        self.depth += 1
        self.steps -= 1
        if self.depth > _MAX_DEPTH:
            self.depth -= 1
            raise CandidError(f"values nested deeper than {_MAX_DEPTH}")
        if self.steps < 0:
            self.depth -= 1
            raise CandidError("the message describes far more values than it has bytes")
        try:
            return self._value(wire, kind)
        finally:
            self.depth -= 1

    def _value(self, wire: WireType, kind: Type | None) -> Any:
        if isinstance(kind, Opt):
            return self._optional(wire, kind)
        if kind is RESERVED:
            self._any(wire, None)
            return None
        return self._any(wire, kind)

    def _optional(self, wire: WireType, kind: Opt) -> Any:
        code = wire.code
        if code in (NULL.code, RESERVED.code):
            return None
        if code == CODE_OPT:
            if not self._flag():
                return None
            inner = self.wire(wire.inner)
        else:
            inner = wire
        start, depth = self.at, self.depth
        try:
            return self.value(inner, kind.inner)
        except CandidError:
            self.at, self.depth = start, depth
            self.value(inner, None)
            return None

    def _flag(self) -> bool:
        flag = self.take(1)[0]
        if flag > 1:
            raise CandidError(f"{flag} is not a valid flag")
        return flag == 1

    def _any(self, wire: WireType, kind: Type | None) -> Any:
        code = wire.code
        if code == CODE_VEC:
            return self._vector(wire, kind)
        if code == CODE_RECORD:
            return self._record(wire, kind)
        if code == CODE_VARIANT:
            return self._variant(wire, kind)
        if code == CODE_OPT:
            if kind is not None:
                raise _mismatch("opt", kind)
            if self._flag():
                self.value(self.wire(wire.inner), None)
            return None
        if code == CODE_FUNC:
            return self._function(kind)
        if code == CODE_SERVICE:
            if kind is not None and kind is not PRINCIPAL:
                raise _mismatch("service", kind)
            return self._principal()
        if code < CODE_SERVICE - 1:
            size, _ = self.uleb(), self.uleb()
            self.take(size)
            if kind is not None:
                raise CandidError("a value of a future type")
            return None
        return self._primitive(BY_CODE[code], kind)

    def _primitive(self, wire: Primitive, kind: Type | None) -> Any:
        if kind is not None and kind is not wire and not (wire is NAT and kind is INT):
            raise _mismatch(wire.name, kind)
        if wire is NULL or wire is RESERVED:
            return None
        if wire is BOOL:
            return self._flag()
        if wire is NAT:
            return self.uleb()
        if wire is INT:
            return self.sleb()
        if wire is TEXT:
            return self.text()
        if wire is PRINCIPAL:
            return self._principal()
        if wire is FLOAT32:
            return struct.unpack("<f", self.take(4))[0]
        if wire is FLOAT64:
            return struct.unpack("<d", self.take(8))[0]
        if wire.bits:
            return int.from_bytes(self.take(wire.bits // 8), "little", signed=wire.signed)
        raise CandidError("a value of type empty")

    def _principal(self) -> bytes:
        if not self._flag():
            raise CandidError("opaque references are not supported")
        length = self.uleb()
        if length > 29:
            raise CandidError("a principal has at most 29 bytes")
        return self.take(length)

    def _function(self, kind: Type | None) -> Any:
        if kind is not None and not isinstance(kind, Func):
            raise _mismatch("func", kind)
        if not self._flag():
            raise CandidError("opaque references are not supported")
        return (self._principal(), self.text())

    def _vector(self, wire: WireType, kind: Type | None) -> Any:
        count = self.uleb()
        inner = self.wire(wire.inner)
        if inner.code == NAT8.code and (kind is None or isinstance(kind, Blob)):
            return self.take(count)
        if kind is not None and not isinstance(kind, Vec):
            raise _mismatch("vec", kind)
        if count > len(self.data) - self.at and count > _MAX_EMPTY_ITEMS:
            raise CandidError(f"vector of {count} items in a message of {len(self.data)} bytes")
        expected = kind.inner if isinstance(kind, Vec) else None
        return [self.value(inner, expected) for _ in range(count)]

    def _record(self, wire: WireType, kind: Type | None) -> Any:
        if kind is None:
            for _, reference in wire.fields:
                self.value(self.wire(reference), None)
            return None
        if not isinstance(kind, Record):
            raise _mismatch("record", kind)
        out: dict[str, Any] = {}
        for number, reference in wire.fields:
            entry = kind.by_id.get(number)
            if entry is None:
                self.value(self.wire(reference), None)
                continue
            label, inner = entry
            try:
                out[label] = self.value(self.wire(reference), inner)
            except CandidError as error:
                raise CandidError(f"{label}: {error}") from None
        for label, inner in kind.fields.items():
            if label not in out:
                if not _may_be_missing(inner):
                    raise CandidError(f"{label}: missing")
                out[label] = None
        return out

    def _variant(self, wire: WireType, kind: Type | None) -> Any:
        index = self.uleb()
        if index >= len(wire.fields):
            raise CandidError(f"case {index} is not in the variant")
        number, reference = wire.fields[index]
        if kind is None:
            self.value(self.wire(reference), None)
            return None
        if not isinstance(kind, Variant):
            raise _mismatch("variant", kind)
        entry = kind.by_id.get(number)
        if entry is None:
            raise CandidError(f"unexpected case number {number}")
        label, inner = entry
        return {label: self.value(self.wire(reference), inner)}


def _may_be_missing(kind: Type) -> bool:
    return isinstance(kind, Opt) or kind is NULL or kind is RESERVED


def _mismatch(found: str, kind: Type) -> CandidError:
    expected = kind.name if isinstance(kind, Primitive) else type(kind).__name__.lower()
    return CandidError(f"{expected} expected, not {found}")


def decode(types: Sequence[Type], data: bytes) -> list[Any]:
    """Decode arguments of the expected types. Raises `CandidError`."""
    reader = _Reader(data)
    if reader.take(4) != b"DIDL":
        raise CandidError("not Candid: the message does not begin with DIDL")
    reader.read_table()
    found = [reader.wire(reader.sleb()) for _ in range(min(reader.uleb(), _MAX_TYPES))]
    out: list[Any] = []
    for index, kind in enumerate(types):
        if index < len(found):
            out.append(reader.value(found[index], kind))
        elif _may_be_missing(kind):
            out.append(None)
        else:
            raise CandidError(f"argument {index} is missing")
    for extra in found[len(types) :]:
        reader.value(extra, None)
    if reader.at != len(data):
        raise CandidError(f"{len(data) - reader.at} bytes left over after the arguments")
    return out
