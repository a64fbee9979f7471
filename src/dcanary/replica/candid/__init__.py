"""Candid on the host side: typed values, encoded and decoded with subtyping.

Python values: nat, int -> int; text -> str; principal, blob -> bytes; opt -> None or the value;
vec -> list; record -> dict; variant -> dict with one entry.
"""

from dcanary.replica.candid.decode import decode
from dcanary.replica.candid.encode import encode
from dcanary.replica.candid.types import (
    BLOB,
    BOOL,
    EMPTY,
    FLOAT32,
    FLOAT64,
    INT,
    INT8,
    INT16,
    INT32,
    INT64,
    NAT,
    NAT8,
    NAT16,
    NAT32,
    NAT64,
    NULL,
    PRINCIPAL,
    RESERVED,
    TEXT,
    CandidError,
    Func,
    Opt,
    Record,
    Type,
    Variant,
    Vec,
    tuple_of,
)

__all__ = [
    "BLOB",
    "BOOL",
    "EMPTY",
    "FLOAT32",
    "FLOAT64",
    "INT",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "NAT",
    "NAT8",
    "NAT16",
    "NAT32",
    "NAT64",
    "NULL",
    "PRINCIPAL",
    "RESERVED",
    "TEXT",
    "CandidError",
    "Func",
    "Opt",
    "Record",
    "Type",
    "Variant",
    "Vec",
    "decode",
    "encode",
    "tuple_of",
]
