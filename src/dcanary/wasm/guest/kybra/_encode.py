"""Python values to Candid bytes.

Each type is compiled once into a closure `encode(value, out: bytearray)`. The closures check only
what would otherwise go through unnoticed; when one fails, `explain` walks type and value again to
say which field of which record is wrong, so that the usual case pays nothing for good messages.
"""

from __future__ import annotations

import struct
from typing import Any, Callable

from ._errors import CandidError
from ._principal import Principal
from ._types import (
    BOOL,
    EMPTY,
    FLOAT32,
    FLOAT64,
    INT,
    INT8,
    INT16,
    INT32,
    INT64,
    NAT,
    NAT8,
    NAT16,
    NAT32,
    NAT64,
    NULL,
    PRINCIPAL,
    RESERVED,
    TEXT,
    VARIANT,
    Func,
    Opt,
    Record,
    Service,
    Type,
    Vec,
    header,
    sleb,
    type_name,
    uleb,
)

Encoder = Callable[[Any, bytearray], None]

FIXED_FORMATS = {
    NAT8: "B",
    NAT16: "H",
    NAT32: "I",
    NAT64: "Q",
    INT8: "b",
    INT16: "h",
    INT32: "i",
    INT64: "q",
    FLOAT32: "f",
    FLOAT64: "d",
}


class NullMarker:
    """The class whose subclass `null` stands for None in annotations."""


def encoder_of(node: Type) -> Encoder:
    """The compiled encoder of a type (made at the first call)."""
    if node.encoder is None:
        # Recursive types meet this placeholder while their own encoder is being made.
        def late(value: Any, out: bytearray) -> None:
            node.encoder(value, out)

        node.encoder = late
        node.encoder = _compile(node)
    encoder: Encoder = node.encoder
    return encoder


def _compile(node: Type) -> Encoder:
    kind = node.kind
    if kind in FIXED_FORMATS:
        return _fixed(kind)
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if isinstance(node, Opt):
        return _opt(encoder_of(node.inner))
    if isinstance(node, Vec):
        return _vec(node.inner)
    if kind == VARIANT and isinstance(node, Record):
        return _variant(node)
    if isinstance(node, Record):
        return _record(node)
    if isinstance(node, Func):
        return _func
    if isinstance(node, Service):
        return _service
    raise CandidError(f"values of type {type_name(node)} cannot be encoded")


def _fixed(kind: int) -> Encoder:
    pack = struct.Struct("<" + FIXED_FORMATS[kind]).pack
    if kind == NAT8:

        def encode_byte(value: Any, out: bytearray) -> None:
            out.append(value)

        return encode_byte

    def encode(value: Any, out: bytearray) -> None:
        out += pack(value)

    return encode


def _null(value: Any, out: bytearray) -> None:
    if value is not None and not (isinstance(value, type) and issubclass(value, NullMarker)):
        raise CandidError("not None")


def _bool(value: Any, out: bytearray) -> None:
    if value is True:
        out.append(1)
    elif value is False:
        out.append(0)
    else:
        raise CandidError("not a bool")


def _nat(value: Any, out: bytearray) -> None:
    if 0 <= value < 128:
        out.append(value)
    else:
        out += uleb(value)


def _int(value: Any, out: bytearray) -> None:
    out += sleb(value)


def _text(value: Any, out: bytearray) -> None:
    data = value.encode()
    length = len(data)
    if length < 128:
        out.append(length)
    else:
        out += uleb(length)
    out += data


def _reserved(value: Any, out: bytearray) -> None:
    return


def _empty(value: Any, out: bytearray) -> None:
    raise CandidError("empty has no values")


def _principal(value: Any, out: bytearray) -> None:
    if value.__class__ is not Principal and not getattr(value, "isPrincipal", False):
        raise CandidError("not a Principal")
    data = value.bytes
    out.append(1)
    out.append(len(data))
    out += data


def _func(value: Any, out: bytearray) -> None:
    principal, method = value
    out.append(1)
    _principal(principal, out)
    _text(method, out)


def _service(value: Any, out: bytearray) -> None:
    _principal(value.canister_id, out)


_SIMPLE: dict[int, Encoder] = {
    NULL: _null,
    BOOL: _bool,
    NAT: _nat,
    INT: _int,
    TEXT: _text,
    RESERVED: _reserved,
    EMPTY: _empty,
    PRINCIPAL: _principal,
}


def _opt(inner: Encoder) -> Encoder:
    def encode(value: Any, out: bytearray) -> None:
        if value is None:
            out.append(0)
        else:
            out.append(1)
            inner(value, out)

    return encode


def _vec(inner: Type) -> Encoder:
    if inner.kind == NAT8:

        def encode_blob(value: Any, out: bytearray) -> None:
            out += uleb(len(value))
            out += value

        return encode_blob
    letter = FIXED_FORMATS.get(inner.kind)
    if letter is not None:

        def encode_numbers(value: Any, out: bytearray) -> None:
            out += uleb(len(value))
            out += struct.pack(f"<{len(value)}{letter}", *value)

        return encode_numbers
    encode_item = encoder_of(inner)

    def encode(value: Any, out: bytearray) -> None:
        if not isinstance(value, (list, tuple)):
            raise CandidError("not a list")
        out += uleb(len(value))
        for item in value:
            encode_item(item, out)

    return encode


def _record(node: Record) -> Encoder:
    plan = [(field.key, encoder_of(field.type)) for field in node.fields]
    if node.is_tuple:
        size = len(plan)

        def encode_tuple(value: Any, out: bytearray) -> None:
            if len(value) != size:
                raise CandidError("wrong length")
            for key, encode in plan:
                encode(value[key], out)

        return encode_tuple

    def encode_record(value: Any, out: bytearray) -> None:
        for key, encode in plan:
            encode(value[key], out)

    return encode_record


def _variant(node: Record) -> Encoder:
    plan = {
        field.key: (uleb(index), encoder_of(field.type)) for index, field in enumerate(node.fields)
    }

    def encode_variant(value: Any, out: bytearray) -> None:
        ((key, inner),) = value.items()
        tag, encode = plan[key]
        out += tag
        encode(inner, out)

    return encode_variant


class ArgsEncoder:
    """Encodes a sequence of values as one message; the header is made once."""

    __slots__ = ("_encoders", "header", "types")

    def __init__(self, types: list[Type]) -> None:
        self.types = types
        self.header = header(types)
        self._encoders = [encoder_of(node) for node in types]

    def __call__(self, values: Any) -> bytes:
        """Encode; raises CandidError that names the wrong value."""
        encoders = self._encoders
        if len(values) != len(encoders):
            raise CandidError(f"expected {len(encoders)} values, got {len(values)}")
        out = bytearray(self.header)
        try:
            for encode, value in zip(encoders, values, strict=True):
                encode(value, out)
        except (RecursionError, MemoryError):
            raise CandidError("the value is nested too deeply to be encoded") from None
        except Exception as error:
            for index, node in enumerate(self.types):
                where = explain(node, values[index], "")
                if where:
                    place = f"value {index}" if len(encoders) > 1 else "value"
                    raise CandidError(f"{place}{where}") from None
            raise CandidError(f"the value cannot be encoded: {error}") from error
        return bytes(out)

    def single(self, value: Any) -> bytes:
        """The message of one value, for encoders of one value."""
        out = bytearray(self.header)
        try:
            self._encoders[0](value, out)
        except Exception:
            self([value])  # says what is wrong
            raise
        return bytes(out)

    def body(self, value: Any) -> bytes:
        """The bytes of a single value without the header."""
        out = bytearray()
        try:
            self._encoders[0](value, out)
        except Exception:
            self([value])  # says what is wrong
            raise
        return bytes(out)


def explain(node: Type, value: Any, path: str) -> str:
    """Why `value` is not of the type, with the path to the wrong part; "" when it is."""
    if isinstance(node, Opt):
        return "" if value is None else explain(node.inner, value, path)
    if isinstance(node, Vec):
        if node.inner.kind == NAT8 and isinstance(value, (bytes, bytearray)):
            return ""
        if not isinstance(value, (list, tuple)):
            return _mismatch(node, value, path)
        for index, item in enumerate(value):
            found = explain(node.inner, item, f"{path}[{index}]")
            if found:
                return found
        return ""
    if isinstance(node, Record):
        return _explain_fields(node, value, path)
    try:
        encoder_of(node)(value, bytearray())
    except Exception:
        return _mismatch(node, value, path)
    return ""


def _explain_fields(node: Record, value: Any, path: str) -> str:
    if node.is_tuple:
        if not isinstance(value, (tuple, list)) or len(value) != len(node.fields):
            return _mismatch(node, value, path)
        present = node.fields
    elif not isinstance(value, dict):
        return _mismatch(node, value, path)
    elif node.kind == VARIANT:
        present = [field for field in node.fields if field.key in value]
        if len(value) != 1 or not present:
            cases = ", ".join(str(field.key) for field in node.fields)
            keys = ", ".join(map(str, value)) or "none"
            return (
                f"{path}: a {type_name(node)} has exactly one of the cases {cases}; given: {keys}"
            )
    else:
        for field in node.fields:
            if field.key not in value:
                return f"{path}: the field {field.key!r} of {type_name(node)} is missing"
        present = node.fields
    for field in present:
        found = explain(field.type, value[field.key], f"{path}[{field.key!r}]")
        if found:
            return found
    return ""


def _mismatch(node: Type, value: Any, path: str) -> str:
    shown = repr(value)
    if len(shown) > 80:
        shown = shown[:77] + "…"
    return f"{path}: expected {type_name(node)}, got {type(value).__name__} {shown}"
