"""Messages of tests: one codec per value, options may be left out of records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dcanary.candid import Codec, parse_types
from dcanary.candid._codec import types


def kind(text: str) -> Codec:
    """The codec of one value of a type, written as in an interface text."""
    return Codec([parse_types(f"type it = {text}")["it"]], principals_as_bytes=True)


BLOB = kind("blob")
BOOL = kind("bool")
NAT = kind("nat")
NAT64 = kind("nat64")
PRINCIPAL = kind("principal")
TEXT = kind("text")


def joined(kinds: Sequence[Codec]) -> Codec:
    return Codec([node for one in kinds for node in one.types], principals_as_bytes=True)


def filled(node: types.Type, value: Any) -> Any:
    """The value with None for the options that its records leave out."""
    if value is None:
        return None
    if isinstance(node, types.Opt):
        return filled(node.inner, value)
    if isinstance(node, types.Vec) and isinstance(value, list):
        return [filled(node.inner, item) for item in value]
    if isinstance(node, types.Record) and isinstance(value, dict):
        fields = node.fields
        if isinstance(node, types.Variant):
            fields = [field for field in fields if field.key in value]
        given = {field.key: filled(field.type, value.get(field.key)) for field in fields}
        return {**value, **given}
    return value


def encode(kinds: Sequence[Codec], values: Sequence[Any]) -> bytes:
    codec = joined(kinds)
    return codec.encode(
        [filled(node, value) for node, value in zip(codec.types, values, strict=True)]
    )


def decode(kinds: Sequence[Codec], data: bytes) -> list[Any]:
    return joined(kinds).decode(data)
