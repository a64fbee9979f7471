"""The header of a Candid message: magic number, type table, argument types.

Source: Candid specification, "Binary format", "Types". Raises CandidError; an IndexError means that
the message is cut off (the callers say so).
"""

from __future__ import annotations

from typing import Any

from ._errors import CandidError
from ._types import (
    COMPOSITE_MODE,
    FUNC,
    FUTURE,
    FUTURE_TYPE,
    OPT,
    PRIMITIVES,
    RECORD,
    SERVICE,
    VARIANT,
    VEC,
    Field,
    Func,
    Opt,
    Record,
    Service,
    Type,
    Variant,
    Vec,
)

MAX_TYPES = 2_000
MAX_PARTS = 20_000
"""Fields, arguments and methods in the whole type table."""
_MAGIC = b"DIDL"


class _Reader:
    __slots__ = ("data", "parts", "pos")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pos = 4
        self.parts = MAX_PARTS

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.pos]
            self.pos += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise CandidError("a number in the type table is too long")

    def signed(self) -> int:
        start = self.pos
        value = self.number()
        bits = 7 * (self.pos - start)
        return value - (1 << bits) if value >> (bits - 1) else value

    def count(self, what: str) -> int:
        count = self.number()
        self.parts -= count
        if self.parts < 0:
            raise CandidError(f"the type table has more than {MAX_PARTS} {what}")
        return count

    def bytes(self, length: int) -> bytes:
        end = self.pos + length
        if end > len(self.data):
            raise CandidError("the message ends in the middle of its type table")
        taken = self.data[self.pos : end]
        self.pos = end
        return taken


def parse_header(data: bytes) -> tuple[list[Type], int]:
    """The argument types of a message and the position of its first value."""
    if not data.startswith(_MAGIC):
        raise CandidError("not a Candid message: it does not start with DIDL")
    reader = _Reader(data)
    total = reader.number()
    if total > MAX_TYPES:
        raise CandidError(f"the type table has {total} types; at most {MAX_TYPES} are read")
    nodes: list[Type] = []
    pending: list[tuple[Type, list[Any]]] = []
    for _ in range(total):
        node, parts = _read_entry(reader)
        nodes.append(node)
        pending.append((node, parts))
    for node, parts in pending:
        _link(node, parts, nodes)
    wires = [_find(reader.signed(), nodes) for _ in range(reader.count("arguments"))]
    return wires, reader.pos


def _read_entry(reader: _Reader) -> tuple[Type, list[Any]]:
    kind = reader.signed()
    if kind == OPT:
        return Opt(FUTURE_TYPE), [reader.signed()]
    if kind == VEC:
        return Vec(FUTURE_TYPE), [reader.signed()]
    if kind in (RECORD, VARIANT):
        fields: list[Any] = []
        last = -1
        for _ in range(reader.count("fields")):
            label = reader.number()
            if label <= last or label > 0xFFFFFFFF:
                raise CandidError("the fields of a record or variant are not in order")
            last = label
            fields.append((label, reader.signed()))
        return (Record() if kind == RECORD else Variant()), fields
    if kind == FUNC:
        args: Any = [reader.signed() for _ in range(reader.count("arguments"))]
        results: Any = [reader.signed() for _ in range(reader.count("results"))]
        modes = list(reader.bytes(reader.count("annotations")))
        if any(not 1 <= mode <= COMPOSITE_MODE for mode in modes):
            raise CandidError("a function has an unknown annotation")
        return Func([], [], modes), [args, results]
    if kind == SERVICE:
        methods: list[Any] = []
        for _ in range(reader.count("methods")):
            name = reader.bytes(reader.number())
            methods.append((str(name, "utf-8"), reader.signed()))
        return Service(), methods
    if kind <= FUTURE:
        reader.bytes(reader.number())
        return FUTURE_TYPE, []
    raise CandidError(f"the type table has an entry with the wrong opcode {kind}")


def _find(index: int, nodes: list[Type]) -> Type:
    if index >= 0:
        if index >= len(nodes):
            raise CandidError(f"type {index} is not in the type table of {len(nodes)} types")
        return nodes[index]
    node = PRIMITIVES.get(index)
    if node is None:
        raise CandidError(f"unknown type {index}")
    return node


def _link(node: Type, parts: list[Any], nodes: list[Type]) -> None:
    if isinstance(node, (Opt, Vec)):
        (inner,) = parts
        node.inner = _find(inner, nodes)
    elif isinstance(node, Record):
        fields = []
        for part in parts:
            label, reference = part
            fields.append(Field(label, label, _find(reference, nodes)))
        node.set_fields(fields)
    elif isinstance(node, Func):
        args, results = parts
        node.args = [_find(reference, nodes) for reference in args]
        node.results = [_find(reference, nodes) for reference in results]
    elif isinstance(node, Service):
        for part in parts:
            name, reference = part
            method = _find(reference, nodes)
            if method.kind != FUNC:
                raise CandidError(f"the method {name!r} of a service is not a function")
            node.methods[name] = method
