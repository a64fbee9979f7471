"""Encoding of Candid values."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from dcanary.replica.candid.types import (
    BOOL,
    CODE_FUNC,
    CODE_OPT,
    CODE_RECORD,
    CODE_VARIANT,
    CODE_VEC,
    EMPTY,
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
)


def uleb(value: int) -> bytes:
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if not value:
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


def sleb(value: int) -> bytes:
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40):
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


class _Table:
    """The type table of one message."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self._known: dict[int, int] = {}
        self._keep: list[Type] = []

    def reference(self, kind: Type) -> bytes:
        if isinstance(kind, Primitive):
            return sleb(kind.code)
        key = id(kind)
        if key not in self._known:
            index = len(self.entries)
            self._known[key] = index
            self._keep.append(kind)
            self.entries.append(b"")
            self.entries[index] = self._describe(kind)
        return sleb(self._known[key])

    def _describe(self, kind: Type) -> bytes:
        if isinstance(kind, Opt):
            return sleb(CODE_OPT) + self.reference(kind.inner)
        if isinstance(kind, Vec):
            return sleb(CODE_VEC) + self.reference(kind.inner)
        if isinstance(kind, Blob):
            return sleb(CODE_VEC) + self.reference(NAT8)
        if isinstance(kind, Func):
            return sleb(CODE_FUNC) + b"\0\0" + (b"\x01\x01" if kind.query else b"\0")
        if isinstance(kind, Record | Variant):
            code = CODE_RECORD if isinstance(kind, Record) else CODE_VARIANT
            out = [sleb(code), uleb(len(kind.sorted))]
            for number, _, inner in kind.sorted:
                out += (uleb(number), self.reference(inner))
            return b"".join(out)
        raise CandidError(f"cannot encode type {kind!r}")


def _number(kind: Primitive, value: Any) -> bytes:
    if not isinstance(value, int) or isinstance(value, bool):
        raise CandidError(f"{kind.name} expected, not {type(value).__name__}")
    if kind is NAT:
        if value < 0:
            raise CandidError("nat expected, not a negative number")
        return uleb(value)
    if kind is INT:
        return sleb(value)
    try:
        return value.to_bytes(kind.bits // 8, "little", signed=kind.signed)
    except OverflowError:
        raise CandidError(f"{value} does not fit {kind.name}") from None


def _principal(value: Any) -> bytes:
    if not isinstance(value, bytes) or len(value) > 29:
        raise CandidError("principal expected: at most 29 bytes")
    return b"\x01" + uleb(len(value)) + value


def _primitive(kind: Primitive, value: Any, out: list[bytes]) -> None:
    if kind is NULL or kind is RESERVED:
        return
    if kind is BOOL:
        if not isinstance(value, bool):
            raise CandidError(f"bool expected, not {type(value).__name__}")
        out.append(b"\x01" if value else b"\0")
    elif kind is TEXT:
        if not isinstance(value, str):
            raise CandidError(f"text expected, not {type(value).__name__}")
        raw = value.encode()
        out += (uleb(len(raw)), raw)
    elif kind is PRINCIPAL:
        out.append(_principal(value))
    elif kind is FLOAT32:
        out.append(struct.pack("<f", value))
    elif kind is FLOAT64:
        out.append(struct.pack("<d", value))
    elif kind is EMPTY:
        raise CandidError("there is no value of type empty")
    else:
        out.append(_number(kind, value))


def _value(kind: Type, value: Any, out: list[bytes]) -> None:
    if isinstance(kind, Primitive):
        _primitive(kind, value, out)
    elif isinstance(kind, Blob):
        if not isinstance(value, bytes | bytearray):
            raise CandidError(f"blob expected, not {type(value).__name__}")
        out += (uleb(len(value)), bytes(value))
    elif isinstance(kind, Opt):
        if value is None:
            out.append(b"\0")
        else:
            out.append(b"\x01")
            _value(kind.inner, value, out)
    elif isinstance(kind, Vec):
        out.append(uleb(len(value)))
        for item in value:
            _value(kind.inner, item, out)
    elif isinstance(kind, Record):
        for _, label, inner in kind.sorted:
            try:
                _value(inner, value.get(label), out)
            except CandidError as error:
                raise CandidError(f"{label}: {error}") from None
    elif isinstance(kind, Variant):
        (chosen, content), *more = value.items()
        if more:
            raise CandidError("a variant value has exactly one case")
        for index, (_, label, inner) in enumerate(kind.sorted):
            if label == chosen:
                out.append(uleb(index))
                _value(inner, content, out)
                return
        raise CandidError(f"no case {chosen} in the variant")
    elif isinstance(kind, Func):
        principal, method = value
        raw = method.encode()
        out += (b"\x01", _principal(principal), uleb(len(raw)), raw)
    else:
        raise CandidError(f"cannot encode type {kind!r}")


def encode(types: Sequence[Type], values: Sequence[Any]) -> bytes:
    """Encode arguments. Raises `CandidError`."""
    if len(types) != len(values):
        raise CandidError(f"{len(types)} arguments expected, not {len(values)}")
    table = _Table()
    references = [table.reference(kind) for kind in types]
    out = [b"DIDL", uleb(len(table.entries)), *table.entries, uleb(len(types)), *references]
    for kind, value in zip(types, values, strict=True):
        _value(kind, value, out)
    return b"".join(out)
