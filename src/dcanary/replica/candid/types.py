"""Candid types. Source: Candid specification, "Types" and "Binary format"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class CandidError(ValueError):
    """A value does not fit its type, or bytes are not Candid of the expected type."""


class Type:
    """Any Candid type."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Primitive(Type):
    name: str
    code: int
    """Type code, negative."""
    bits: int = 0
    """Width of fixed-width numbers; 0 otherwise."""
    signed: bool = False


NULL = Primitive("null", -1)
BOOL = Primitive("bool", -2)
NAT = Primitive("nat", -3)
INT = Primitive("int", -4)
NAT8 = Primitive("nat8", -5, 8)
NAT16 = Primitive("nat16", -6, 16)
NAT32 = Primitive("nat32", -7, 32)
NAT64 = Primitive("nat64", -8, 64)
INT8 = Primitive("int8", -9, 8, True)
INT16 = Primitive("int16", -10, 16, True)
INT32 = Primitive("int32", -11, 32, True)
INT64 = Primitive("int64", -12, 64, True)
FLOAT32 = Primitive("float32", -13)
FLOAT64 = Primitive("float64", -14)
TEXT = Primitive("text", -15)
RESERVED = Primitive("reserved", -16)
EMPTY = Primitive("empty", -17)
PRINCIPAL = Primitive("principal", -24)

BY_CODE: dict[int, Primitive] = {
    item.code: item
    for item in (
        NULL, BOOL, NAT, INT, NAT8, NAT16, NAT32, NAT64, INT8, INT16, INT32, INT64,
        FLOAT32, FLOAT64, TEXT, RESERVED, EMPTY, PRINCIPAL,
    )
}  # fmt: skip

CODE_OPT, CODE_VEC, CODE_RECORD, CODE_VARIANT = -18, -19, -20, -21
CODE_FUNC, CODE_SERVICE = -22, -23


@dataclass(frozen=True, slots=True)
class Opt(Type):
    inner: Type


@dataclass(frozen=True, slots=True)
class Vec(Type):
    inner: Type


@dataclass(frozen=True, slots=True)
class Blob(Type):
    """vec nat8, as bytes."""


BLOB = Blob()


@dataclass(frozen=True, slots=True)
class Func(Type):
    """A function reference: (principal, method name). Its signature is not checked."""

    query: bool = False


def field_id(label: str) -> int:
    """Number of a field: itself when the label is a number, else the specification's hash."""
    if label.isdecimal():
        return int(label)
    number = 0
    for byte in label.encode():
        number = (number * 223 + byte) & 0xFFFFFFFF
    return number


class _Fields(Type):
    __slots__ = ("by_id", "fields", "sorted")

    def __init__(self, fields: Mapping[str, Type]) -> None:
        self.fields = dict(fields)
        self.by_id = {field_id(label): (label, kind) for label, kind in fields.items()}
        if len(self.by_id) != len(self.fields):
            raise CandidError("two fields have the same number")
        self.sorted = sorted((number, *entry) for number, entry in self.by_id.items())


class Record(_Fields):
    __slots__ = ()


class Variant(_Fields):
    __slots__ = ()


def tuple_of(*kinds: Type) -> Record:
    """A record whose fields are numbered from 0."""
    return Record({str(index): kind for index, kind in enumerate(kinds)})


@dataclass(slots=True)
class WireType:
    """A type as found in a message's type table; `code` tells which fields are used."""

    code: int
    inner: int = 0
    fields: list[tuple[int, int]] = field(default_factory=list)
