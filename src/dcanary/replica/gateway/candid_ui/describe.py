"""A canister's interface, and values to begin with, as the page shows them."""

from __future__ import annotations

from typing import Any

from dcanary.candid import Interface
from dcanary.candid import kinds as k

MAX_DEPTH = 6
"""Nesting of an example; what lies deeper is left to the user."""

_SIMPLE = {
    k.NULL: "null",
    k.RESERVED: "null",
    k.BOOL: "false",
    k.TEXT: '""',
    k.PRINCIPAL: 'principal "aaaaa-aa"',
    k.FLOAT32: "0.0",
    k.FLOAT64: "0.0",
    k.FUNC: 'func "aaaaa-aa".method',
    k.SERVICE: 'service "aaaaa-aa"',
}


def describe(canister: str, interface: Interface) -> dict[str, Any]:
    """What the page needs to list the methods of a canister."""
    return {
        "canister": canister,
        "did": interface.text,
        "methods": [
            {
                "name": name,
                "query": method.is_query,
                "arguments": [k.type_name(node) for node in method.arguments.types],
                "results": [k.type_name(node) for node in method.results.types],
                "example": f"({', '.join(example(node) for node in method.arguments.types)})",
            }
            for name, method in sorted(interface.methods.items())
        ],
    }


def example(node: k.Type, depth: int = 0) -> str:
    """A value of a type in Candid's textual form: empty, zero, or the first case that ends."""
    if isinstance(node, k.Opt):
        return "null"
    if isinstance(node, k.Vec):
        return 'blob ""' if node.inner.kind == k.NAT8 else "vec {}"
    if isinstance(node, k.Variant):
        return _case(node, depth)
    if isinstance(node, k.Record):
        if depth >= MAX_DEPTH:
            return "record {}"
        parts = [f"{_label(field)}{example(field.type, depth + 1)}" for field in node.fields]
        return f"record {{ {'; '.join(parts)} }}" if parts else "record {}"
    return _SIMPLE.get(node.kind, "0")


def _case(node: k.Variant, depth: int) -> str:
    # A case without a value ends at once; the first one may be recursive.
    field = next((one for one in node.fields if one.type.kind == k.NULL), None)
    if field is None:
        if not node.fields or depth >= MAX_DEPTH:
            return "variant {}"
        field = node.fields[0]
        return f"variant {{ {_label(field)}{example(field.type, depth + 1)} }}"
    return f"variant {{ {_label(field).removesuffix(' = ')} }}"


def _label(field: k.Field) -> str:
    label = field.label
    if isinstance(label, int):
        return f"{label} = "
    plain = label.isidentifier() and label.isascii()
    quoted = label.replace("\\", "\\\\").replace('"', '\\"')
    return f"{label} = " if plain else f'"{quoted}" = '
