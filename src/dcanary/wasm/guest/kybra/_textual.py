"""Candid values as text: `ic.candid_encode` and `ic.candid_decode`.

A number without annotation is an int, one with a point or exponent a float64. Values are written on
one line, numbers with their types (`42 : nat64`), as `didc` does.
"""

from __future__ import annotations

import struct

from ._encode import encoder_of
from ._errors import CandidError
from ._readers import DECODE_ERRORS, as_candid_error, reset_budget
from ._text_parser import Parser, Value, hash_field
from ._text_writer import show
from ._types import (
    BOOL,
    EMPTY,
    FLOAT32,
    FLOAT64,
    INT,
    NAT8,
    NULL,
    PRIMITIVES,
    PRINCIPAL,
    RESERVED,
    TEXT,
    VARIANT,
    Func,
    Opt,
    Record,
    Service,
    Type,
    Variant,
    Vec,
    header,
    is_subtype,
    label_hash,
    type_name,
    uleb,
)
from ._wire import parse_header


def infer(value: Value) -> Type:
    """The type of a value that has no annotation."""
    form = value[0]
    if form == "typed":
        inner: Type = value[1][1]
        return inner
    if form in _FORM_KINDS:
        return PRIMITIVES[_FORM_KINDS[form]]
    if form == "blob":
        return Vec(PRIMITIVES[NAT8])
    if form == "opt":
        return Opt(infer(value[1]))
    if form == "vec":
        joined: Type = PRIMITIVES[EMPTY]
        for item in value[1]:
            joined = join(joined, infer(item))
        return Vec(joined)
    if form == "record":
        record = Record()
        record.set_fields([hash_field(label, infer(inner)) for label, inner in value[1].values()])
        return record
    if form == "variant":
        label, inner_value = value[1]
        variant = Variant()
        variant.set_fields([hash_field(label, infer(inner_value))])
        return variant
    return Func([], [], []) if form == "func" else Service()


_FORM_KINDS = {
    "null": NULL,
    "bool": BOOL,
    "int": INT,
    "float": FLOAT64,
    "text": TEXT,
    "principal": PRINCIPAL,
}


def join(left: Type, right: Type) -> Type:
    """A type that values of both have; raises CandidError when there is none."""
    if left.kind == EMPTY:
        return right
    if right.kind == EMPTY:
        return left
    if left.kind == right.kind:
        if isinstance(left, Opt) and isinstance(right, Opt):
            return Opt(join(left.inner, right.inner))
        if isinstance(left, Vec) and isinstance(right, Vec):
            return Vec(join(left.inner, right.inner))
        if isinstance(left, Record) and isinstance(right, Record):
            return _join_fields(left, right)
        return left
    if left.kind == NULL:
        return right if isinstance(right, Opt) else Opt(right)
    if right.kind == NULL:
        return left if isinstance(left, Opt) else Opt(left)
    raise CandidError(
        f"the elements of a vec have one type, these have {type_name(left)} and {type_name(right)}"
    )


def _join_fields(left: Record, right: Record) -> Record:
    node = Variant() if left.kind == VARIANT else Record()
    fields = []
    for number in sorted({*left.by_hash, *right.by_hash}):
        one, other = left.by_hash.get(number), right.by_hash.get(number)
        if one is not None and other is not None:
            fields.append(hash_field(one.label, join(one.type, other.type)))
        elif left.kind == VARIANT:
            known = one or other
            assert known is not None
            fields.append(known)
        else:
            raise CandidError("the records in a vec have the same fields")
    node.set_fields(fields)
    return node


def encode(value: Value, node: Type) -> bytes:
    """The bytes of a parsed value of a type."""
    form = value[0]
    if form == "typed":
        inner, annotated = value[1]
        if not is_subtype(annotated, node) and annotated.kind != node.kind:
            raise _wrong(value, node)
        return encode(inner, node)
    if node.kind in (RESERVED, NULL):
        if node.kind == NULL and form != "null":
            raise _wrong(value, node)
        return b""
    if isinstance(node, Opt):
        if form == "null":
            return b"\0"
        return b"\1" + encode(value[1] if form == "opt" else value, node.inner)
    if isinstance(node, Vec):
        if form == "blob" and node.inner.kind == NAT8:
            return uleb(len(value[1])) + bytes(value[1])
        if form == "vec":
            return uleb(len(value[1])) + b"".join([encode(item, node.inner) for item in value[1]])
        raise _wrong(value, node)
    if isinstance(node, Record):
        return _encode_fields(value, node)
    return _encode_simple(value, node)


def _encode_fields(value: Value, node: Record) -> bytes:
    if node.kind == VARIANT:
        if value[0] == "variant":
            label, inner = value[1]
            number = label if isinstance(label, int) else label_hash(label)
            for index, field in enumerate(node.fields):
                if field.hash == number:
                    return uleb(index) + encode(inner, field.type)
        raise _wrong(value, node)
    if value[0] != "record":
        raise _wrong(value, node)
    parts = []
    for field in node.fields:
        given = value[1].get(field.hash)
        if given is None and field.type.kind != NULL and not isinstance(field.type, Opt):
            raise CandidError(f"the field {field.label} of {type_name(node)} is missing")
        parts.append(encode(("null",) if given is None else given[1], field.type))
    return b"".join(parts)


def _encode_simple(value: Value, node: Type) -> bytes:
    form = value[0]
    if isinstance(node, (Func, Service)) or node.kind == PRINCIPAL:
        if form == "func" and isinstance(node, Func):
            principal, method = value[1]
            name = method.encode()
            return b"".join([b"\1\1", uleb(len(principal)), principal, uleb(len(name)), name])
        if form == ("service" if isinstance(node, Service) else "principal"):
            return b"\1" + uleb(len(value[1])) + bytes(value[1])
        raise _wrong(value, node)
    fits = {BOOL: "bool", TEXT: "text", FLOAT32: "float", FLOAT64: "float"}.get(node.kind, "int")
    if form != fits and not (fits == "float" and form == "int"):
        raise _wrong(value, node)
    out = bytearray()
    try:
        encoder_of(node)(value[1], out)
    except (struct.error, ValueError, OverflowError):
        raise CandidError(f"{value[1]} is out of the range of {type_name(node)}") from None
    return bytes(out)


def _wrong(value: Value, node: Type) -> CandidError:
    return CandidError(
        f"expected {type_name(node)}, found a value of type {type_name(infer(value))}"
    )


def encode_from_text(text: str) -> bytes:
    """Candid bytes of a textual argument list such as `(42 : nat, "a")`. Raises CandidError."""
    if not isinstance(text, str):
        raise TypeError(f"candid_encode takes a text, not {type(text).__name__}")
    values = Parser(text).args()
    types = [infer(value) for value in values]
    return header(types) + b"".join(
        [encode(v, node) for v, node in zip(values, types, strict=True)]
    )


def decode_to_text(data: bytes) -> str:
    """The textual argument list of Candid bytes. Raises CandidError."""
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError(f"candid_decode takes a blob, not {type(data).__name__}")
    data = bytes(data)
    reset_budget()
    try:
        types, pos = parse_header(data)
        shown = []
        for node in types:
            text, pos = show(node, data, pos)
            shown.append(text)
        if pos != len(data):
            raise CandidError(f"{len(data) - pos} bytes follow the last value")
    except DECODE_ERRORS as error:
        raise as_candid_error(error) from None
    return f"({', '.join(shown)})"
