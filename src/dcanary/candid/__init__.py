"""Candid on the host: interface texts, and values as plain Python.

Records are dicts, tuples tuples, variants one-key dicts, opt None or the value, blobs bytes,
principals text (or bytes, see `Codec`), functions (principal, method). A leaf of the project:
every other package may use it.
"""

from dcanary.candid._codec import types as _types
from dcanary.candid._interface import (
    CandidError,
    Codec,
    DidSyntaxError,
    Interface,
    Method,
    parse_interface,
    record_without,
    vec_of,
)
from dcanary.candid._opaque import ANY_FUNC, ANY_VALUE
from dcanary.candid._parser import parse_types

Type = _types.Type

__all__ = [
    "ANY_FUNC",
    "ANY_VALUE",
    "CandidError",
    "Codec",
    "DidSyntaxError",
    "Interface",
    "Method",
    "Type",
    "parse_interface",
    "parse_types",
    "record_without",
    "vec_of",
]
