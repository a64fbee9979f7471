"""Candid on the host: interface texts, and values as plain Python.

Records are dicts, tuples tuples, variants one-key dicts, opt None or the value, blobs bytes,
principals text. A leaf of the project: every other package may use it.
"""

from dcanary.candid._interface import (
    CandidError,
    DidSyntaxError,
    Interface,
    Method,
    parse_interface,
)

__all__ = ["CandidError", "DidSyntaxError", "Interface", "Method", "parse_interface"]
