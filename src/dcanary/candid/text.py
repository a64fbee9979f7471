"""Candid values as text, as dfx and icp take and print them: `(42 : nat, record { name = "x" })`.

The types come from an interface; without one, numbers are `int` and fields have no names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dcanary.candid._codec import did, errors, text_parser, textual, types, wire
from dcanary.candid._interface import CandidError
from dcanary.visible import shown

WIDTH = 80
_STEP = "  "

_IN_QUOTES = str.maketrans({'"': '\\"', "\\": "\\\\"})
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class _Parser(text_parser.Parser):
    """The canisters' parser, which also refuses numbers that no float64 holds."""

    def value(self) -> Any:
        token = self.token if self.kind == "number" else ""
        value = super().value()
        if token and value[0] == "float" and math.isinf(value[1]):
            raise errors.CandidError(f"{token[:40]} is out of the range of float64")
        return value


def encode_text(text: str, expected: Sequence[types.Type]) -> bytes:
    """The message of a textual argument list such as `(1, "a")`, by the types that are expected.

    Trailing arguments that may be null may be left out. Raises CandidError that names the place.
    """
    try:
        values = _Parser(text.strip() or "()").args()
        if len(values) > len(expected):
            raise errors.CandidError(_count(expected, len(values)))
        for node in expected[len(values) :]:
            if not types.accepts_nothing(node):
                raise errors.CandidError(_count(expected, len(values)))
            values.append(("null",))
        parts = []
        for index, (value, node) in enumerate(zip(values, expected, strict=True)):
            _check_fields(value, node)
            try:
                parts.append(textual.encode(value, node))
            except errors.CandidError as error:
                place = f"argument {index + 1}: " if len(expected) > 1 else ""
                raise errors.CandidError(f"{place}{error}") from None
        return types.header(list(expected)) + b"".join(parts)
    except (errors.CandidError, RecursionError) as error:
        raise CandidError(str(error) or "the text is nested too deeply") from None


def encode_untyped(text: str) -> bytes:
    """The message of a textual argument list whose types nobody declared. Raises CandidError."""
    try:
        values = _Parser(text.strip() or "()").args()
        nodes = [textual.infer(value) for value in values]
        body = [textual.encode(value, node) for value, node in zip(values, nodes, strict=True)]
    except (errors.CandidError, RecursionError) as error:
        raise CandidError(str(error) or "the text is nested too deeply") from None
    return types.header(nodes) + b"".join(body)


def decode_untyped(data: bytes) -> str:
    """A message as text by the types that it carries: fields are numbers. Raises CandidError."""
    try:
        return _visible(textual.decode_to_text(data))
    except errors.CandidError as error:
        raise CandidError(str(error)) from None


def untold(data: bytes) -> str:
    """What `decode_untyped` does not tell of a message, in a few words; empty when it tells all.

    A message may also hold types that no value has, and values of types that Candid does not know
    yet, which readers pass over; one value may be written in several ways. So the text is encoded
    again by the types that were sent, and compared with all that was sent. Raises CandidError.
    """
    told = decode_untyped(data)
    try:
        sent, start = wire.parse_header(data)
        if types.header(sent) != data[:start]:
            return "types that are unusual, or that no value has"
        if encode_text(told, sent) == data:
            return ""
    except errors.CandidError as error:
        raise CandidError(str(error)) from None
    except CandidError:
        return "values that cannot be written as text"
    return "values written in an unusual way: numbers, lengths or NaN with needless bits"


def _count(expected: Sequence[types.Type], given: int) -> str:
    kinds = ", ".join(types.type_name(node) for node in expected)
    plural = "argument is" if len(expected) == 1 else "arguments are"
    return f"{len(expected)} {plural} expected, ({kinds}), and {given} given"


def _check_fields(value: Any, node: types.Type) -> None:
    """Refuse fields that the type does not have: a misspelt one would be dropped silently."""
    form = value[0]
    if form == "typed":
        _check_fields(value[1][0], node)
    elif isinstance(node, types.Opt):
        if form != "null":
            _check_fields(value[1] if form == "opt" else value, node.inner)
    elif isinstance(node, types.Vec) and form == "vec":
        for item in value[1]:
            _check_fields(item, node.inner)
    elif form == "record" and isinstance(node, types.Record) and node.kind == types.RECORD:
        for number, (label, inner) in value[1].items():
            if number not in node.by_hash:
                known = ", ".join(str(field.label) for field in node.fields) or "none"
                raise errors.CandidError(f"there is no field {label}; there are: {known}")
            _check_fields(inner, node.by_hash[number].type)
    elif form == "variant" and isinstance(node, types.Variant):
        label, inner = value[1]
        number = label if isinstance(label, int) else types.label_hash(label)
        if number not in node.by_hash:
            known = ", ".join(str(field.label) for field in node.fields)
            raise errors.CandidError(f"there is no case {label}; there are: {known}")
        _check_fields(inner, node.by_hash[number].type)


# -- writing -------------------------------------------------------------------------------------


def format_values(values: Sequence[Any], nodes: Sequence[types.Type], width: int = WIDTH) -> str:
    """Values (as `Codec` decodes them) as an argument list, over several lines if it is long."""
    line = f"({', '.join(_flat(v, node) for v, node in zip(values, nodes, strict=True))})"
    if len(line) <= width:
        return line
    parts = [f"{_STEP}{_block(v, n, _STEP, width)},\n" for v, n in zip(values, nodes, strict=True)]
    return f"(\n{''.join(parts)})"


def _flat(value: Any, node: types.Type) -> str:
    """A value in one line."""
    if isinstance(node, types.Opt):
        if value is None:
            return "null"
        inner = _flat(value, node.inner)
        return f"opt ({inner})" if _is_annotated(node.inner) else f"opt {inner}"
    if isinstance(node, types.Vec):
        if node.inner.kind == types.NAT8:
            return f'blob "{_bytes(bytes(value))}"'
        return _braces("vec", [_flat(item, node.inner) for item in value])
    if isinstance(node, types.Variant):
        field, inner = _case(value, node)
        if field.type.kind == types.NULL:
            return f"variant {{ {_label(field)} }}"
        return f"variant {{ {_label(field)} = {_flat(inner, field.type)} }}"
    if isinstance(node, types.Record):
        return _braces("record", [f"{head}{_flat(v, n)}" for head, v, n in _fields(value, node)])
    return _simple(value, node)


def _block(value: Any, node: types.Type, indent: str, width: int) -> str:
    """A value over several lines where one does not do; `indent` stands before its later lines."""
    line = _flat(value, node)
    if len(indent) + len(line) + 1 <= width:
        return line
    if isinstance(node, types.Opt):
        return f"opt {_block(value, node.inner, indent, width)}"
    if isinstance(node, types.Vec) and node.inner.kind != types.NAT8:
        items = [_block(item, node.inner, indent + _STEP, width) for item in value]
        return _lines("vec", items, indent)
    if isinstance(node, types.Variant):
        field, inner = _case(value, node)
        shown = _block(inner, field.type, indent + _STEP, width)
        return f"variant {{\n{indent}{_STEP}{_label(field)} = {shown}\n{indent}}}"
    if isinstance(node, types.Record):
        items = [
            f"{head}{_block(v, n, indent + _STEP, width)}" for head, v, n in _fields(value, node)
        ]
        return _lines("record", items, indent)
    return line


def _braces(word: str, parts: Sequence[str]) -> str:
    return f"{word} {{ {'; '.join(parts)} }}" if parts else f"{word} {{}}"


def _lines(word: str, parts: Sequence[str], indent: str) -> str:
    inner = "".join(f"{indent}{_STEP}{part};\n" for part in parts)
    return f"{word} {{\n{inner}{indent}}}"


def _fields(value: Any, node: types.Record) -> list[tuple[str, Any, types.Type]]:
    """(`name = `, value, type) of each field; a tuple's fields need no names."""
    return [
        ("" if node.is_tuple else f"{_label(field)} = ", value[field.key], field.type)
        for field in node.fields
    ]


def _case(value: Any, node: types.Variant) -> tuple[types.Field, Any]:
    ((key, inner),) = value.items()
    return next(field for field in node.fields if field.key == key), inner


def _label(field: types.Field) -> str:
    return _visible(did.label_text(field.label))


def _is_annotated(node: types.Type) -> bool:
    return node.kind in types.PRIMITIVE_NAMES and node.kind not in (
        *(types.NULL, types.BOOL, types.TEXT, types.PRINCIPAL),
    )


def _simple(value: Any, node: types.Type) -> str:
    kind = node.kind
    if kind == types.TEXT:
        return f'"{_quoted(value)}"'
    if kind == types.BOOL:
        return "true" if value else "false"
    if kind == types.NULL:
        return "null"
    if kind == types.RESERVED:
        return "null : reserved"
    if kind == types.PRINCIPAL:
        return f'principal "{value}"'
    if kind == types.SERVICE:
        return f'service "{getattr(value, "canister_id", value)}"'
    if kind == types.FUNC:
        return f'func "{value[0]}".{_visible(did.label_text(value[1]))}'
    number = repr(value) if kind in (types.FLOAT32, types.FLOAT64) else f"{value:_}"
    return f"{number} : {types.PRIMITIVE_NAMES[kind]}"


def _bytes(data: bytes) -> str:
    """Printable ASCII as it is, the rest as `\\xx`."""
    return "".join(chr(b) if 32 <= b < 127 and b not in b"\"'\\" else f"\\{b:02x}" for b in data)


def _quoted(text: str) -> str:
    return shown(text.translate(_IN_QUOTES), lambda c: _ESCAPES.get(c) or _code(c))


def _code(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


def _visible(text: str) -> str:
    """Text that is written already, with what cannot be seen as an escape of Candid."""
    return shown(text, _code, "\n")
