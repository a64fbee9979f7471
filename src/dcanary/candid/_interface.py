"""An interface text as methods that encode their arguments and decode their results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcanary.candid._codec import encoding, errors, principals, types
from dcanary.candid._opaque import ANY_FUNC, ArgsDecoder
from dcanary.candid._parser import DidSyntaxError, parse

__all__ = ["CandidError", "Codec", "DidSyntaxError", "Interface", "Method", "parse_interface"]

Convert = Callable[[Any], Any]

# A canister has one thread, so the codec counts and caches without locks; the host has several.
_lock = threading.Lock()


class CandidError(ValueError):
    """A value does not fit its Candid type, or bytes are not a valid message of that type."""


class Method:
    """One method of a service. `is_query` also for composite queries."""

    def __init__(self, name: str, func: types.Func) -> None:
        self.name = name
        self.is_query = any(m in (types.QUERY_MODE, types.COMPOSITE_MODE) for m in func.modes)
        self.arguments = Codec(func.args)
        self.results = Codec(func.results)

    def encode(self, values: Sequence[Any]) -> bytes:
        """Arguments as a message. Raises CandidError."""
        return self.arguments.encode(values)

    def decode(self, data: bytes) -> list[Any]:
        """Results of a reply. Raises CandidError."""
        return self.results.decode(data)


class Codec:
    """Encodes and decodes sequences of values of fixed types.

    Principals are given as text or bytes; they are decoded as text, or as bytes if so wished.
    """

    def __init__(self, nodes: Sequence[types.Type], *, principals_as_bytes: bool = False) -> None:
        self.types = list(nodes)
        leaf = _principal_bytes if principals_as_bytes else _principal_text
        with _lock:
            self._encode = encoding.ArgsEncoder(self.types)
            self._decode = ArgsDecoder(self.types)
        self._to = [_converter(node, _to_principal, {}) for node in self.types]
        self._from = [_converter(node, leaf, {}) for node in self.types]

    def encode(self, values: Sequence[Any]) -> bytes:
        """The values as a message. Raises CandidError."""
        if len(values) != len(self._to):
            raise CandidError(f"expected {len(self._to)} values, got {len(values)}")
        try:
            ready = [
                value if convert is None else convert(value)
                for convert, value in zip(self._to, values, strict=True)
            ]
            return self._encode(ready)
        except errors.CandidError as error:
            raise CandidError(str(error)) from None
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise CandidError(f"the value does not have the form of its type: {error!r}") from None

    def decode(self, data: bytes) -> list[Any]:
        """The values of a message. Raises CandidError."""
        try:
            with _lock:
                values = self._decode(data)
        except errors.CandidError as error:
            raise CandidError(str(error)) from None
        return [
            value if convert is None else convert(value)
            for convert, value in zip(self._from, values, strict=True)
        ]


@dataclass(frozen=True)
class Interface:
    """The methods of a service and the codec of its init arguments."""

    methods: Mapping[str, Method]
    init: Codec
    text: str


def record_without(node: types.Type, *names: str) -> types.Type:
    """The type of a record that has all fields but these. Raises ValueError when it lacks one."""
    if not isinstance(node, types.Record) or node.kind != types.RECORD:
        raise ValueError(f"not a record: {types.type_name(node)}")
    kept = [field for field in node.fields if field.label not in names]
    if len(kept) + len(names) != len(node.fields):
        raise ValueError(f"there are no fields {', '.join(names)} to leave out")
    made = types.Record(node.name, node.is_tuple)
    made.set_fields(kept)
    return made


def vec_of(node: types.Type) -> types.Type:
    """The type of a list of such values."""
    return types.Vec(node)


def parse_interface(text: str) -> Interface:
    """Raises DidSyntaxError with line and column."""
    init, service = parse(text)
    methods = {}
    for name, func in service.methods.items():
        if not isinstance(func, types.Func):
            raise DidSyntaxError(f"the method {name} is not a function type")
        methods[name] = Method(name, func)
    return Interface(methods, Codec(init), text)


def _to_principal(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return principals.Principal.from_str(value)
        if isinstance(value, bytes):
            return principals.Principal(value)
    except ValueError as error:
        raise errors.CandidError(str(error)) from None
    return value


def _principal_text(value: Any) -> Any:
    return value.to_str()


def _principal_bytes(value: Any) -> Any:
    return value.bytes


def _converter(node: types.Type, leaf: Convert, made: dict[int, Any]) -> Convert | None:
    """A function that converts the principals inside a value, or None when there are none."""
    if node.kind == types.PRINCIPAL:
        return leaf
    if not _holds_principal(node, set()):
        return None
    if id(node) in made:
        # A recursive type: look the finished converter up when a value is there.
        return lambda value: made[id(node)](value)
    made[id(node)] = None
    convert = _build(node, leaf, made)
    made[id(node)] = convert
    return convert


def _build(node: types.Type, leaf: Convert, made: dict[int, Any]) -> Convert:
    if isinstance(node, types.Func) or node is ANY_FUNC:
        return lambda value: value if value is None else (leaf(value[0]), value[1])
    if isinstance(node, types.Opt):
        inner = _converter(node.inner, leaf, made) or _same
        return lambda value: None if value is None else inner(value)
    if isinstance(node, types.Vec):
        item = _converter(node.inner, leaf, made) or _same
        return lambda value: [item(one) for one in value]
    if isinstance(node, types.Record):
        plan = {field.key: _converter(field.type, leaf, made) or _same for field in node.fields}
        if node.is_tuple:
            return lambda value: tuple(plan[i](one) for i, one in enumerate(value))
        return lambda value: {
            key: plan[key](one) if key in plan else one for key, one in value.items()
        }
    return _same


def _same(value: Any) -> Any:
    return value


def _holds_principal(node: types.Type, seen: set[int]) -> bool:
    if node.kind in (types.PRINCIPAL, types.FUNC) or node is ANY_FUNC:
        return True
    if id(node) in seen:
        return False
    seen.add(id(node))
    if isinstance(node, (types.Opt, types.Vec)):
        return _holds_principal(node.inner, seen)
    if isinstance(node, types.Record):
        return any(_holds_principal(field.type, seen) for field in node.fields)
    return False
