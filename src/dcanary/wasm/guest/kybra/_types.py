"""Candid types as nodes, their subtyping, and the type table that precedes encoded values.

The same nodes describe what a canister declares and what a message carries ("wire" types).
Source: Candid specification, sections "Types", "Subtyping" and "Binary format".
"""

from __future__ import annotations

from typing import Any

NULL, BOOL, NAT, INT = -1, -2, -3, -4
NAT8, NAT16, NAT32, NAT64 = -5, -6, -7, -8
INT8, INT16, INT32, INT64 = -9, -10, -11, -12
FLOAT32, FLOAT64, TEXT, RESERVED, EMPTY = -13, -14, -15, -16, -17
OPT, VEC, RECORD, VARIANT, FUNC, SERVICE, PRINCIPAL = -18, -19, -20, -21, -22, -23, -24
FUTURE = -25

QUERY_MODE, ONEWAY_MODE, COMPOSITE_MODE = 1, 2, 3
MODE_NAMES = {QUERY_MODE: "query", ONEWAY_MODE: "oneway", COMPOSITE_MODE: "composite_query"}

PRIMITIVE_NAMES = {
    NULL: "null",
    BOOL: "bool",
    NAT: "nat",
    INT: "int",
    NAT8: "nat8",
    NAT16: "nat16",
    NAT32: "nat32",
    NAT64: "nat64",
    INT8: "int8",
    INT16: "int16",
    INT32: "int32",
    INT64: "int64",
    FLOAT32: "float32",
    FLOAT64: "float64",
    TEXT: "text",
    RESERVED: "reserved",
    EMPTY: "empty",
    PRINCIPAL: "principal",
}


class Type:
    """A Candid type. `kind` is its opcode in the binary format."""

    __slots__ = ("decoders", "encoder", "kind")

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.encoder: Any = None
        self.decoders: Any = None


class Primitive(Type):
    """null, bool, the numbers, text, reserved, empty and principal."""

    __slots__ = ()


class Opt(Type):
    __slots__ = ("inner",)

    def __init__(self, inner: Type) -> None:
        super().__init__(OPT)
        self.inner = inner


class Vec(Type):
    __slots__ = ("inner",)

    def __init__(self, inner: Type) -> None:
        super().__init__(VEC)
        self.inner = inner


class Field:
    """A field of a record or a case of a variant.

    `label` is the Candid name (or the number of an unnamed field); `key` is where the Python value
    has it: the name in a dict, the position in a tuple.
    """

    __slots__ = ("hash", "key", "label", "type")

    def __init__(self, label: str | int, key: str | int, type: Type) -> None:
        self.label = label
        self.key = key
        self.type = type
        self.hash = label if isinstance(label, int) else label_hash(label)


class Record(Type):
    """A record; `is_tuple` when its Python value is a tuple. `name` is "" when it has none."""

    __slots__ = ("by_hash", "fields", "is_tuple", "name", "origin")

    def __init__(self, name: str = "", is_tuple: bool = False, origin: str = "") -> None:
        super().__init__(RECORD)
        self.name = name
        self.origin = origin
        self.is_tuple = is_tuple
        self.fields: list[Field] = []
        self.by_hash: dict[int, Field] = {}

    def set_fields(self, fields: list[Field]) -> None:
        self.fields = sorted(fields, key=lambda field: field.hash)
        self.by_hash = {field.hash: field for field in fields}


class Variant(Record):
    """A variant: like a record, of which exactly one field is there."""

    __slots__ = ()

    def __init__(self, name: str = "", origin: str = "") -> None:
        super().__init__(name, False, origin)
        self.kind = VARIANT


class Func(Type):
    """A reference to a method. Its Python value is (Principal, method name)."""

    __slots__ = ("args", "modes", "results")

    def __init__(self, args: list[Type], results: list[Type], modes: list[int]) -> None:
        super().__init__(FUNC)
        self.args = args
        self.results = results
        self.modes = modes


class Service(Type):
    """A reference to a canister. Its Python value is made by `make(principal)`."""

    __slots__ = ("make", "methods", "name", "origin")

    def __init__(self, name: str = "", make: Any = None, origin: str = "") -> None:
        super().__init__(SERVICE)
        self.name = name
        self.make = make
        self.origin = origin
        self.methods: dict[str, Type] = {}


PRIMITIVES = {kind: Primitive(kind) for kind in PRIMITIVE_NAMES}
FUTURE_TYPE = Primitive(FUTURE)


def label_hash(label: str) -> int:
    """The number of a field name (Candid specification, "Shorthand: symbolic field names")."""
    value = 0
    for byte in label.encode():
        value = (value * 223 + byte) & 0xFFFFFFFF
    return value


def tuple_of(types: list[Type]) -> Record:
    """The record with fields 0, 1, 2 … whose Python value is a tuple."""
    node = Record(is_tuple=True)
    node.set_fields([Field(index, index, inner) for index, inner in enumerate(types)])
    return node


_SMALL = [bytes([value]) for value in range(128)]


def uleb(value: int) -> bytes:
    """Unsigned LEB128."""
    if 0 <= value < 128:
        return _SMALL[value]
    if value < 0:
        raise ValueError(f"a nat cannot be negative: {value}")
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def sleb(value: int) -> bytes:
    """Signed LEB128."""
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value & 127)
    return bytes(out)


def type_name(node: Type, depth: int = 2) -> str:
    """How to name the type in an error message: the class name where there is one."""
    if node.kind in PRIMITIVE_NAMES:
        return PRIMITIVE_NAMES[node.kind]
    if depth == 0:
        return "…"
    if isinstance(node, Opt):
        return f"opt {type_name(node.inner, depth - 1)}"
    if isinstance(node, Vec):
        return "blob" if node.inner.kind == NAT8 else f"vec {type_name(node.inner, depth - 1)}"
    if isinstance(node, Record):
        word = "variant" if node.kind == VARIANT else "record"
        if node.name:
            return f"{word} {node.name}"
        inside = "; ".join(
            type_name(f.type, depth - 1)
            if node.is_tuple
            else f"{f.label} : {type_name(f.type, depth - 1)}"
            for f in node.fields
        )
        return f"{word} {{{inside}}}"
    if isinstance(node, Service):
        return f"service {node.name}".rstrip()
    return "func" if node.kind == FUNC else "a type of a later Candid version"


class TypeTable:
    """Builds the type table of a message; equal types share one entry."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self._by_id: dict[int, int] = {}
        self._by_shape: dict[bytes, int] = {}
        self._keep: list[Type] = []

    def reference(self, node: Type) -> bytes:
        """The signed number that stands for `node` in the message."""
        if isinstance(node, Primitive):
            return sleb(node.kind)
        index = self._by_id.get(id(node))
        if index is None:
            index = self._add(node)
        return sleb(index)

    def _add(self, node: Type) -> int:
        index = len(self.entries)
        self._by_id[id(node)] = index
        self._keep.append(node)
        self.entries.append(b"")
        shape = self._describe(node)
        known = self._by_shape.get(shape)
        if known is not None and index == len(self.entries) - 1:
            # An equal entry exists and nothing was added after this one: take it back.
            self.entries.pop()
            self._by_id[id(node)] = known
            return known
        self._by_shape[shape] = index
        self.entries[index] = shape
        return index

    def _describe(self, node: Type) -> bytes:
        head = sleb(node.kind)
        if isinstance(node, (Opt, Vec)):
            return head + self.reference(node.inner)
        if isinstance(node, Record):
            return (
                head
                + uleb(len(node.fields))
                + b"".join([uleb(f.hash) + self.reference(f.type) for f in node.fields])
            )
        if isinstance(node, Func):
            parts = [head, uleb(len(node.args)), *map(self.reference, node.args)]
            parts += [uleb(len(node.results)), *map(self.reference, node.results)]
            return b"".join([*parts, uleb(len(node.modes)), bytes(node.modes)])
        if isinstance(node, Service):
            methods = sorted((name.encode(), method) for name, method in node.methods.items())
            return (
                head
                + uleb(len(methods))
                + b"".join([uleb(len(n)) + n + self.reference(m) for n, m in methods])
            )
        raise TypeError(f"a type of kind {node.kind} cannot be encoded")


def header(types: list[Type]) -> bytes:
    """Magic number, type table and argument types: all of a message but its values."""
    table = TypeTable()
    references = [table.reference(node) for node in types]
    return b"".join(
        [b"DIDL", uleb(len(table.entries)), *table.entries, uleb(len(types)), *references]
    )


def accepts_nothing(node: Type) -> bool:
    """Whether a missing value may be read as this type (null, opt and reserved)."""
    return node.kind in (NULL, OPT, RESERVED)


def is_subtype(wire: Type, expected: Type, assumed: set[tuple[int, int]] | None = None) -> bool:
    """Candid's `wire <: expected`; recursive types are compared coinductively."""
    have, want = wire.kind, expected.kind
    if want in (RESERVED, OPT) or have == EMPTY:
        return True
    if have != want:
        return have == NAT and want == INT
    if isinstance(wire, Primitive):
        return have != FUTURE
    if assumed is None:
        assumed = set()
    pair = (id(wire), id(expected))
    if pair in assumed:
        return True
    assumed.add(pair)
    if isinstance(wire, Vec) and isinstance(expected, Vec):
        return is_subtype(wire.inner, expected.inner, assumed)
    if isinstance(wire, Variant) and isinstance(expected, Variant):
        for case in wire.fields:
            wanted = expected.by_hash.get(case.hash)
            if wanted is None or not is_subtype(case.type, wanted.type, assumed):
                return False
        return True
    if isinstance(wire, Record) and isinstance(expected, Record):
        for field in expected.fields:
            given = wire.by_hash.get(field.hash)
            if given is None:
                if not accepts_nothing(field.type):
                    return False
            elif not is_subtype(given.type, field.type, assumed):
                return False
        return True
    if isinstance(wire, Func) and isinstance(expected, Func):
        return (
            sorted(wire.modes) == sorted(expected.modes)
            and _args_subtype(expected.args, wire.args, assumed)
            and _args_subtype(wire.results, expected.results, assumed)
        )
    if isinstance(wire, Service) and isinstance(expected, Service):
        for name, method in expected.methods.items():
            offered = wire.methods.get(name)
            if offered is None or not is_subtype(offered, method, assumed):
                return False
        return True
    return False


def _args_subtype(have: list[Type], want: list[Type], assumed: set[tuple[int, int]]) -> bool:
    for index, wanted in enumerate(want):
        if index >= len(have):
            if not accepts_nothing(wanted):
                return False
        elif not is_subtype(have[index], wanted, assumed):
            return False
    return True
