"""Candid values as JSON, by the types of an interface.

nat, int     number with all its digits (taken also as a text of decimal digits)
float        number; "NaN", "Infinity" and "-Infinity" as texts
text         text                       bool  true or false
blob         text of hexadecimal digits principal, service  text
vec          array                      record of unnamed fields  array
record       object by field name       variant  object of one field; null if it carries nothing
opt          null or the value          func  [principal, method]
null, reserved  null
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from dcanary.candid._codec import types
from dcanary.candid._interface import CandidError

_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_INTEGERS = {
    *(types.NAT, types.NAT8, types.NAT16, types.NAT32, types.NAT64),
    *(types.INT, types.INT8, types.INT16, types.INT32, types.INT64),
}


def parse_arguments(text: str, nodes: Sequence[types.Type]) -> list[Any]:
    """A JSON array as the values of a call. Raises CandidError that names the wrong place."""
    try:
        given = json.loads(text, parse_float=_finite, parse_constant=_no_constant)
    except CandidError:
        raise
    except (ValueError, RecursionError) as error:
        raise CandidError(f"the arguments are not JSON: {error}") from None
    if not isinstance(given, list):
        raise CandidError("""the arguments are not a JSON array such as '["text", 3]'""")
    if len(given) > len(nodes):
        plural = "argument is" if len(nodes) == 1 else "arguments are"
        raise CandidError(f"{len(nodes)} {plural} expected and {len(given)} given")
    given += [None] * (len(nodes) - len(given))
    pairs = enumerate(zip(given, nodes, strict=True))
    return [from_json(one, node, f"[{index}]") for index, (one, node) in pairs]


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise CandidError(f"{text[:40]} is out of the range of float64")
    return value


def _no_constant(text: str) -> float:
    raise CandidError(f'{text} is no JSON: write it as a text, "{text}"')


def from_json(value: Any, node: types.Type, place: str = "") -> Any:
    """A JSON value as `Codec` encodes it. Raises CandidError that names the place."""
    if isinstance(node, types.Opt):
        return None if value is None else from_json(value, node.inner, place)
    if isinstance(node, types.Vec):
        return _vec(value, node, place)
    if isinstance(node, types.Variant):
        if not isinstance(value, dict) or len(value) != 1:
            raise _wrong(value, node, place)
        ((name, inner),) = value.items()
        for field in node.fields:
            if str(field.label) == name:
                return {field.key: from_json(inner, field.type, f"{place}.{name}")}
        known = ", ".join(str(field.label) for field in node.fields)
        raise CandidError(f"{place}: there is no case {name}; there are: {known}")
    if isinstance(node, types.Record):
        return _record(value, node, place)
    return _simple(value, node, place)


def _vec(value: Any, node: types.Vec, place: str) -> Any:
    if node.inner.kind == types.NAT8 and isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise CandidError(f"{place}: a blob is a text of hexadecimal digits") from None
    if not isinstance(value, list):
        raise _wrong(value, node, place)
    items = [from_json(item, node.inner, f"{place}[{i}]") for i, item in enumerate(value)]
    return bytes(items) if node.inner.kind == types.NAT8 else items


def _record(value: Any, node: types.Record, place: str) -> Any:
    if node.is_tuple:
        if not isinstance(value, list) or len(value) != len(node.fields):
            raise _wrong(value, node, place)
        pairs = zip(value, node.fields, strict=True)
        return tuple(from_json(v, f.type, f"{place}[{i}]") for i, (v, f) in enumerate(pairs))
    if not isinstance(value, dict):
        raise _wrong(value, node, place)
    known = {str(field.label): field for field in node.fields}
    for name in value:
        if name not in known:
            raise CandidError(f"{place}: there is no field {name}; there are: {', '.join(known)}")
    for name, field in known.items():
        if name not in value and not types.accepts_nothing(field.type):
            raise CandidError(f"{place}: the field {name} is missing")
    return {
        field.key: from_json(value.get(name), field.type, f"{place}.{name}")
        for name, field in known.items()
    }


def _simple(value: Any, node: types.Type, place: str) -> Any:
    kind = node.kind
    if kind in _INTEGERS:
        if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(value, node, place)
        return _in_range(value, node, place)
    if kind in (types.FLOAT32, types.FLOAT64):
        if isinstance(value, str) and value in _FLOATS:
            return _FLOATS[value]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(value, node, place)
        return float(value)
    wanted = {types.BOOL: bool, types.TEXT: str, types.PRINCIPAL: str, types.SERVICE: str}
    if kind in wanted and not isinstance(value, wanted[kind]):
        raise _wrong(value, node, place)
    if kind == types.FUNC:
        if not (isinstance(value, list) and [type(one) for one in value] == [str, str]):
            raise _wrong(value, node, place)
        return tuple(value)
    if kind in (types.NULL, types.RESERVED) and value is not None:
        raise _wrong(value, node, place)
    return value


def _in_range(value: int, node: types.Type, place: str) -> int:
    name = types.PRIMITIVE_NAMES[node.kind]
    signed = name.startswith("int")
    bits = int("".join(filter(str.isdigit, name)) or 0)
    fits = signed or value >= 0
    if bits:
        fits = value in (range(-(1 << bits - 1), 1 << bits - 1) if signed else range(1 << bits))
    if not fits:
        raise CandidError(f"{place}: {value} is out of the range of {name}")
    return value


def _wrong(value: Any, node: types.Type, place: str) -> CandidError:
    shown = json.dumps(value)
    shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
    return CandidError(f"{place}: expected {types.type_name(node)}, found {shown}")


def to_json(value: Any, node: types.Type) -> Any:
    """A value (as `Codec` decodes it) as JSON."""
    if isinstance(node, types.Opt):
        return None if value is None else to_json(value, node.inner)
    if isinstance(node, types.Vec):
        if node.inner.kind == types.NAT8:
            return bytes(value).hex()
        return [to_json(item, node.inner) for item in value]
    if isinstance(node, types.Variant):
        ((key, inner),) = value.items()
        field = next(one for one in node.fields if one.key == key)
        return {str(field.label): to_json(inner, field.type)}
    if isinstance(node, types.Record):
        if node.is_tuple:
            return [to_json(v, f.type) for v, f in zip(value, node.fields, strict=True)]
        return {str(f.label): to_json(value[f.key], f.type) for f in node.fields}
    if isinstance(value, float) and not math.isfinite(value):
        return next(name for name, one in _FLOATS.items() if repr(one) == repr(value))
    if node.kind == types.FUNC:
        return list(value)
    return None if node.kind == types.RESERVED else value
