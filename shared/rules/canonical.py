"""The one encoding of a record that is bound by a digest: its Candid message, byte for byte.

Candid leaves the order of a message's type table free. Here it is fixed: a type gets its number
before the types inside it, fields go by their hash, equal types share a number. Any Candid decoder
reads the result, and the encoder of `dcanary.candid` writes the same bytes from the `.did` file.

A type is a word of `_PRIMITIVES`, or a tuple: `("opt", type)`, `("vec", type)`,
`("record", ((name, type), …))`, `("variant", ((name, type), …))`. `blob` is `vec nat8`.
"""

import hashlib

_PRIMITIVES = {
    "null": 0x7F,
    "bool": 0x7E,
    "nat": 0x7D,
    "nat8": 0x7B,
    "nat16": 0x7A,
    "nat32": 0x79,
    "nat64": 0x78,
    "text": 0x71,
    "principal": 0x68,
}
_WIDTHS = {"nat8": 1, "nat16": 2, "nat32": 4, "nat64": 8}
_OPT, _VEC, _RECORD, _VARIANT = 0x6E, 0x6D, 0x6C, 0x6B
BLOB = ("vec", "nat8")


def digest_of(kind: object, value: object) -> bytes:
    """Compute the sha256 of the canonical encoding: 32 bytes."""
    return hashlib.sha256(encode(kind, value)).digest()


def encode(kind: object, value: object) -> bytes:
    """Encode one value as a whole Candid message."""
    table = _Table()
    reference = table.reference(kind)
    out = bytearray(b"DIDL")
    out += _unsigned(len(table.entries))
    for entry in table.entries:
        out += entry
    out += b"\x01" + reference
    _write(kind, value, out)
    return bytes(out)


def label(name: str) -> int:
    """Compute the number by which Candid knows a field or a case."""
    number = 0
    for byte in name.encode():
        number = (number * 223 + byte) & 0xFFFFFFFF
    return number


def _by_label(fields: "tuple[tuple[str, object], ...]") -> "list[tuple[int, str, object]]":
    return sorted((label(name), name, kind) for name, kind in fields)


class _Table:
    """The types of a message, in the order in which they are met."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self._numbers: dict[object, int] = {}

    def reference(self, kind: object) -> bytes:
        if isinstance(kind, str):
            return bytes([_PRIMITIVES[kind]])
        number = self._numbers.get(kind)
        if number is None:
            number = len(self.entries)
            self._numbers[kind] = number
            self.entries.append(b"")
            self.entries[number] = self._describe(kind)
        return _signed(number)

    def _describe(self, kind: object) -> bytes:
        word, inner = _parts(kind)
        if word in ("opt", "vec"):
            return bytes([_OPT if word == "opt" else _VEC]) + self.reference(inner)
        fields = _by_label(inner)
        out = bytearray([_RECORD if word == "record" else _VARIANT])
        out += _unsigned(len(fields))
        for number, _, field in fields:
            out += _unsigned(number) + self.reference(field)
        return bytes(out)


def _parts(kind: object) -> "tuple[str, tuple[tuple[str, object], ...]]":
    if not isinstance(kind, tuple) or len(kind) != 2:
        raise ValueError(f"{kind!r} is not a type of the canonical encoding")
    return kind


def _write(kind: object, value: object, out: bytearray) -> None:
    """Append the value. A value of another type raises; nothing is guessed or left out."""
    if isinstance(kind, str):
        _write_primitive(kind, value, out)
        return
    word, inner = _parts(kind)
    if word == "opt":
        if value is None:
            out.append(0)
        else:
            out.append(1)
            _write(inner, value, out)
    elif kind == BLOB and isinstance(value, (bytes, bytearray)):
        out += _unsigned(len(value)) + value
    elif word == "vec" and isinstance(value, list):
        out += _unsigned(len(value))
        for item in value:
            _write(inner, item, out)
    elif word == "record" and isinstance(value, dict):
        for _, name, field in _by_label(inner):
            _write(field, value[name], out)
    elif word == "variant" and isinstance(value, dict) and len(value) == 1:
        for index, (_, name, field) in enumerate(_by_label(inner)):
            if name in value:
                out += _unsigned(index)
                _write(field, value[name], out)
                return
        raise ValueError(f"{value!r} is no case of the variant")
    else:
        raise ValueError(f"a value of {word} cannot be {type(value).__name__}")


def _write_primitive(kind: str, value: object, out: bytearray) -> None:
    if kind == "null":
        return
    if kind == "text" and isinstance(value, str):
        content = value.encode()
        out += _unsigned(len(content)) + content
    elif kind == "bool" and isinstance(value, bool):
        out.append(1 if value else 0)
    elif kind == "principal":
        raw = getattr(value, "bytes", None)
        if not isinstance(raw, bytes):
            raise ValueError(f"{value!r} is not a principal")
        out += b"\x01" + _unsigned(len(raw)) + raw
    elif kind == "nat" and isinstance(value, int) and value >= 0:
        out += _unsigned(value)
    elif kind in _WIDTHS and isinstance(value, int):
        out += value.to_bytes(_WIDTHS[kind], "little")
    else:
        raise ValueError(f"a value of {kind} cannot be {type(value).__name__}")


def _unsigned(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _signed(value: int) -> bytes:
    """Signed LEB128 of a number that is not negative."""
    out = bytearray()
    while value > 0x3F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
