"""Keys of stable maps as bytes whose order is the order of the values.

| type | order |
|---|---|
| text | by code point (UTF-8) |
| blob, Principal | by bytes |
| nat, int, sized numbers, floats | by value |
| bool, null | False before True |
| Tuple | component by component |
| Record | field by field, in the order of the Candid field numbers |
| Opt | None first |
| Vec | element by element, a prefix before what continues it |
| Variant | by the Candid number of the case, then by its value |

A text, blob or principal that is the whole key is stored as it is. Inside a larger key
every part is self-delimiting: zero bytes are written 00 FF and the end 00 01.
"""

from __future__ import annotations

import struct
from typing import Any, Callable

from ._encode import FIXED_FORMATS
from ._errors import CandidError
from ._principal import Principal
from ._types import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT,
    INT8,
    NAT,
    NAT8,
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
    type_name,
)

KeyEncoder = Callable[[Any], bytes]
PartDecoder = Callable[[bytes, int], "tuple[Any, int]"]


def key_codec(node: Type) -> tuple[KeyEncoder, Callable[[bytes], Any]]:
    """Encoder and decoder of whole keys of a type. The encoder raises what wrong values raise."""
    if node.kind == TEXT:
        return str.encode, bytes.decode
    if isinstance(node, Vec) and node.inner.kind == NAT8:
        return _blob, bytes
    if node.kind == PRINCIPAL:
        return _principal_bytes, Principal
    encode, decode = _Parts().codec(node)

    def decode_whole(data: bytes) -> Any:
        value, pos = decode(data, 0)
        if pos != len(data):
            raise CandidError("a stored key has bytes left over")
        return value

    return encode, decode_whole


def _blob(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray)):
        raise CandidError(f"expected blob, got {type(value).__name__}")
    return bytes(value)


def _principal_bytes(value: Any) -> bytes:
    if not getattr(value, "isPrincipal", False):
        raise CandidError(f"expected principal, got {type(value).__name__}")
    data: bytes = value.bytes
    return data


def _escape(data: bytes) -> bytes:
    return data.replace(b"\0", b"\0\xff") + b"\0\x01"


def _unescape(data: bytes, pos: int) -> tuple[bytes, int]:
    end = pos
    while True:
        end = data.index(0, end)
        if data[end + 1] == 1:
            return data[pos:end].replace(b"\0\xff", b"\0"), end + 2
        end += 2


def _int_of(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise CandidError(f"expected a number, got {type(value).__name__}")
    return value


def _encode_nat(value: Any) -> bytes:
    number = _int_of(value)
    if number < 0:
        raise CandidError(f"a nat cannot be negative: {number}")
    size = (number.bit_length() + 7) // 8
    if size > 255:
        raise CandidError("a nat of more than 255 bytes cannot be a key")
    return bytes([size]) + number.to_bytes(size, "big")


def _decode_nat(data: bytes, pos: int) -> tuple[int, int]:
    end = pos + 1 + data[pos]
    return int.from_bytes(data[pos + 1 : end], "big"), end


def _encode_int(value: Any) -> bytes:
    number = _int_of(value)
    size = (abs(number).bit_length() + 7) // 8
    if size > 127:
        raise CandidError("an int of more than 127 bytes cannot be a key")
    if number >= 0:
        return bytes([0x80 + size]) + number.to_bytes(size, "big")
    return bytes([0x80 - size]) + (number + (1 << 8 * size) - 1).to_bytes(size, "big")


def _decode_int(data: bytes, pos: int) -> tuple[int, int]:
    size = data[pos] - 0x80
    end = pos + 1 + abs(size)
    number = int.from_bytes(data[pos + 1 : end], "big")
    return (number if size >= 0 else number - (1 << -8 * size) + 1), end


def _fixed(kind: int) -> tuple[KeyEncoder, PartDecoder]:
    size = struct.calcsize("<" + FIXED_FORMATS[kind])
    shift = 1 << (8 * size - 1) if kind <= INT8 else 0
    top = 1 << 8 * size

    def encode(value: Any) -> bytes:
        number = _int_of(value) + shift
        if not 0 <= number < top:
            raise CandidError(f"{value} is out of the range of the type")
        return number.to_bytes(size, "big")

    def decode(data: bytes, pos: int) -> tuple[int, int]:
        return int.from_bytes(data[pos : pos + size], "big") - shift, pos + size

    return encode, decode


def _float(kind: int) -> tuple[KeyEncoder, PartDecoder]:
    form = struct.Struct(">" + FIXED_FORMATS[kind])
    size = form.size
    sign = 1 << (8 * size - 1)
    mask = (1 << 8 * size) - 1

    def encode(value: Any) -> bytes:
        bits = int.from_bytes(form.pack(value), "big")
        return (bits ^ mask if bits & sign else bits | sign).to_bytes(size, "big")

    def decode(data: bytes, pos: int) -> tuple[float, int]:
        bits = int.from_bytes(data[pos : pos + size], "big")
        bits = bits ^ sign if bits & sign else bits ^ mask
        return form.unpack(bits.to_bytes(size, "big"))[0], pos + size

    return encode, decode


class _Parts:
    """Codecs of self-delimiting parts; remembers what it made, for recursive types."""

    def __init__(self) -> None:
        self.done: dict[int, tuple[KeyEncoder, PartDecoder]] = {}

    def codec(self, node: Type) -> tuple[KeyEncoder, PartDecoder]:
        known = self.done.get(id(node))
        if known is not None:
            return known
        cell: list[tuple[KeyEncoder, PartDecoder]] = []
        self.done[id(node)] = (
            lambda value: cell[0][0](value),
            lambda data, pos: cell[0][1](data, pos),
        )
        cell.append(self._make(node))
        self.done[id(node)] = cell[0]
        return cell[0]

    def _make(self, node: Type) -> tuple[KeyEncoder, PartDecoder]:
        kind = node.kind
        if kind in (FLOAT32, FLOAT64):
            return _float(kind)
        if kind in FIXED_FORMATS:
            return _fixed(kind)
        if kind == NAT:
            return _encode_nat, _decode_nat
        if kind == INT:
            return _encode_int, _decode_int
        if kind == TEXT:
            return _encode_text, _decode_text
        if kind == PRINCIPAL:
            return _encode_principal, _decode_principal
        if kind == BOOL:
            return _encode_bool, _decode_bool
        if kind in (NULL, RESERVED):
            return (lambda value: b""), (lambda data, pos: (None, pos))
        if isinstance(node, Opt):
            return _opt(*self.codec(node.inner))
        if isinstance(node, Vec):
            if node.inner.kind == NAT8:
                return (lambda value: _escape(_blob(value))), _unescape
            return _vec(*self.codec(node.inner))
        if isinstance(node, Record):
            return self._variant(node) if kind == VARIANT else self._record(node)
        if isinstance(node, Func):
            return _encode_func, _decode_func
        if isinstance(node, Service):
            make = node.make

            def decode_service(data: bytes, pos: int) -> tuple[Any, int]:
                principal, pos = _decode_principal(data, pos)
                return make(principal), pos

            return (lambda value: _encode_principal(value.canister_id)), decode_service
        raise CandidError(f"{type_name(node)} cannot be a key")

    def _record(self, node: Record) -> tuple[KeyEncoder, PartDecoder]:
        plan = [(field.key, *self.codec(field.type)) for field in node.fields]
        as_tuple = node.is_tuple

        def encode(value: Any) -> bytes:
            if as_tuple and len(value) != len(plan):
                raise CandidError(f"expected a tuple of {len(plan)}, got {len(value)}")
            return b"".join([part(value[key]) for key, part, _ in plan])

        def decode(data: bytes, pos: int) -> tuple[Any, int]:
            found: dict[Any, Any] = {}
            for key, _, part in plan:
                found[key], pos = part(data, pos)
            return (tuple(found.values()) if as_tuple else found), pos

        return encode, decode

    def _variant(self, node: Record) -> tuple[KeyEncoder, PartDecoder]:
        by_key = {f.key: (f.hash.to_bytes(4, "big"), self.codec(f.type)[0]) for f in node.fields}
        by_tag = {f.hash: (f.key, self.codec(f.type)[1]) for f in node.fields}

        def encode(value: Any) -> bytes:
            ((key, inner),) = value.items()
            tag, part = by_key[key]
            return tag + part(inner)

        def decode(data: bytes, pos: int) -> tuple[Any, int]:
            key, part = by_tag[int.from_bytes(data[pos : pos + 4], "big")]
            value, pos = part(data, pos + 4)
            return {key: value}, pos

        return encode, decode


def _encode_text(value: Any) -> bytes:
    return _escape(value.encode())


def _decode_text(data: bytes, pos: int) -> tuple[str, int]:
    raw, pos = _unescape(data, pos)
    return raw.decode(), pos


def _encode_principal(value: Any) -> bytes:
    return _escape(_principal_bytes(value))


def _decode_principal(data: bytes, pos: int) -> tuple[Principal, int]:
    raw, pos = _unescape(data, pos)
    return Principal(raw), pos


def _encode_bool(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise CandidError(f"expected bool, got {type(value).__name__}")
    return b"\1" if value else b"\0"


def _decode_bool(data: bytes, pos: int) -> tuple[bool, int]:
    return data[pos] == 1, pos + 1


def _encode_func(value: Any) -> bytes:
    return _encode_principal(value[0]) + _encode_text(value[1])


def _decode_func(data: bytes, pos: int) -> tuple[Any, int]:
    principal, pos = _decode_principal(data, pos)
    method, pos = _decode_text(data, pos)
    return (principal, method), pos


def _opt(encode_inner: KeyEncoder, decode_inner: PartDecoder) -> tuple[KeyEncoder, PartDecoder]:
    def encode(value: Any) -> bytes:
        return b"\0" if value is None else b"\1" + encode_inner(value)

    def decode(data: bytes, pos: int) -> tuple[Any, int]:
        return (None, pos + 1) if data[pos] == 0 else decode_inner(data, pos + 1)

    return encode, decode


def _vec(encode_inner: KeyEncoder, decode_inner: PartDecoder) -> tuple[KeyEncoder, PartDecoder]:
    def encode(value: Any) -> bytes:
        if not isinstance(value, (list, tuple)):
            raise CandidError(f"expected a list, got {type(value).__name__}")
        return b"".join([b"\1" + encode_inner(item) for item in value]) + b"\0"

    def decode(data: bytes, pos: int) -> tuple[Any, int]:
        items = []
        while data[pos] == 1:
            item, pos = decode_inner(data, pos + 1)
            items.append(item)
        return items, pos + 1

    return encode, decode
