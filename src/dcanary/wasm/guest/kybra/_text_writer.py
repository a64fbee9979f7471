"""Writes Candid bytes as text, directly from the message (nothing is built in between)."""

from __future__ import annotations

from typing import Any

from ._did import label_text, quote
from ._errors import CandidError
from ._readers import READERS, charge, read_length
from ._types import (
    BOOL,
    FLOAT32,
    FLOAT64,
    FUTURE,
    NAT8,
    NULL,
    PRIMITIVE_NAMES,
    PRINCIPAL,
    RESERVED,
    TEXT,
    VARIANT,
    Field,
    Func,
    Opt,
    Record,
    Service,
    Type,
    Vec,
)


def show(node: Type, data: bytes, pos: int) -> tuple[str, int]:
    """The text of one value and the position after it."""
    if isinstance(node, Opt):
        flag = data[pos]
        if flag > 1:
            raise CandidError(f"an option starts with 0 or 1, not {flag}")
        if flag == 0:
            return "null", pos + 1
        text, pos = show(node.inner, data, pos + 1)
        return (f"opt ({text})" if " : " in text and text[0] not in "{rv" else f"opt {text}"), pos
    if isinstance(node, Vec):
        return _show_vec(node.inner, data, pos)
    if isinstance(node, Record):
        return _show_fields(node, data, pos)
    if isinstance(node, Service):
        principal, pos = READERS[PRINCIPAL](data, pos)
        return f'service "{principal}"', pos
    value, pos = READERS[node.kind](data, pos)
    if isinstance(node, Func):
        return f'func "{value[0]}".{label_text(value[1])}', pos
    return _show_simple(node.kind, value), pos


def _show_simple(kind: int, value: Any) -> str:
    if kind == TEXT:
        return quote(value)
    if kind == BOOL:
        return "true" if value else "false"
    if kind == NULL:
        return "null"
    if kind in (RESERVED, FUTURE):
        return "null : reserved"
    if kind == PRINCIPAL:
        return f'principal "{value}"'
    if kind in (FLOAT32, FLOAT64):
        return f"{value!r} : {PRIMITIVE_NAMES[kind]}"
    return f"{value:_} : {PRIMITIVE_NAMES[kind]}"


def _show_vec(inner: Type, data: bytes, pos: int) -> tuple[str, int]:
    count, pos = read_length(data, pos)
    if inner.kind == NAT8:
        if pos + count > len(data):
            raise CandidError("the message ends in the middle of a blob")
        return f'blob "{_show_bytes(data[pos : pos + count])}"', pos + count
    shown = []
    for _ in range(count):
        before = pos
        text, pos = show(inner, data, pos)
        if pos == before:
            charge(1)
        shown.append(text)
    return ("vec { " + "; ".join(shown) + " }" if shown else "vec {}"), pos


def _show_bytes(data: bytes) -> str:
    return "".join(
        [chr(b) if 32 <= b < 127 and b not in (34, 39, 92) else f"\\{b:02x}" for b in data]
    )


def _show_fields(node: Record, data: bytes, pos: int) -> tuple[str, int]:
    if node.kind == VARIANT:
        index, pos = read_length(data, pos)
        if index >= len(node.fields):
            raise CandidError(f"a variant of {len(node.fields)} cases has no case number {index}")
        field = node.fields[index]
        text, pos = show(field.type, data, pos)
        name = _label(field)
        return (
            f"variant {{ {name} }}" if text == "null" else f"variant {{ {name} = {text} }}"
        ), pos
    shown = []
    is_tuple = [field.hash for field in node.fields] == list(range(len(node.fields)))
    for field in node.fields:
        before = pos
        text, pos = show(field.type, data, pos)
        if pos == before:
            charge(1)
        shown.append(text if is_tuple else f"{_label(field)} = {text}")
    return ("record { " + "; ".join(shown) + " }" if shown else "record {}"), pos


def _label(field: Field) -> str:
    return f"{field.label:_}" if isinstance(field.label, int) else label_text(field.label)
