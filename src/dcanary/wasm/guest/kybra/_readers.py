"""Readers of Candid values: `read(data, position) -> (value, position)`.

Every length is checked against the bytes that are there; values without bytes (null, reserved,
empty records) are counted against a budget, so that a short message cannot stand for a long vector;
numbers are bounded. Failures are CandidError or one of DECODE_ERRORS.
"""

from __future__ import annotations

import struct
from typing import Any, Callable, NoReturn

from ._encode import FIXED_FORMATS
from ._errors import CandidError
from ._principal import MAX_LENGTH, Principal
from ._types import (
    BOOL,
    EMPTY,
    FUNC,
    FUTURE,
    INT,
    NAT,
    NAT8,
    NULL,
    PRINCIPAL,
    RESERVED,
    TEXT,
)

Decoder = Callable[[bytes, int], "tuple[Any, int]"]

ZERO_SIZE_BUDGET = 100_000
"""How many values without bytes one message may contain."""
MAX_NUMBER_BYTES = 1_024
"""Longest LEB128 of one nat or int: 7,168 bits."""

_budget = [ZERO_SIZE_BUDGET]


def reset_budget() -> None:
    """Start counting the values without bytes of a new message."""
    _budget[0] = ZERO_SIZE_BUDGET


def charge(count: int) -> None:
    _budget[0] -= count
    if _budget[0] < 0:
        raise CandidError(
            f"the message contains more than {ZERO_SIZE_BUDGET} values that take no bytes"
        )


def short() -> NoReturn:
    raise CandidError("the message ends in the middle of a value")


def read_length(data: bytes, pos: int) -> tuple[int, int]:
    """A length: unsigned LEB128 of at most 5 significant bytes (padding with zeros allowed)."""
    value = data[pos]
    pos += 1
    if value < 128:
        return value, pos
    value &= 127
    shift = 7
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, pos
        shift += 7
        if shift > 70:
            raise CandidError("a length is written with more than 10 bytes")


def read_nat(data: bytes, pos: int) -> tuple[int, int]:
    value = data[pos]
    if value < 128:
        return value, pos + 1
    end = _leb_end(data, pos)
    value = 0
    for byte in reversed(data[pos:end]):
        value = value << 7 | byte & 127
    return value, end


def read_int(data: bytes, pos: int) -> tuple[int, int]:
    end = _leb_end(data, pos)
    value = 0
    for byte in reversed(data[pos:end]):
        value = value << 7 | byte & 127
    if data[end - 1] & 64:
        value -= 1 << (7 * (end - pos))
    return value, end


def _leb_end(data: bytes, pos: int) -> int:
    start = pos
    while data[pos] > 127:
        pos += 1
        if pos - start >= MAX_NUMBER_BYTES:
            raise CandidError(f"a number is written with more than {MAX_NUMBER_BYTES} bytes")
    return pos + 1


def read_null(data: bytes, pos: int) -> tuple[None, int]:
    return None, pos


def read_bool(data: bytes, pos: int) -> tuple[bool, int]:
    value = data[pos]
    if value > 1:
        raise CandidError(f"a bool is 0 or 1, not {value}")
    return value == 1, pos + 1


def read_text(data: bytes, pos: int) -> tuple[str, int]:
    length = data[pos]
    pos += 1
    if length > 127:
        length, pos = read_length(data, pos - 1)
    end = pos + length
    if end > len(data):
        short()
    return str(data[pos:end], "utf-8"), end


def read_blob(data: bytes, pos: int) -> tuple[bytes, int]:
    length, pos = read_length(data, pos)
    end = pos + length
    if end > len(data):
        short()
    return data[pos:end], end


def read_principal(data: bytes, pos: int) -> tuple[Principal, int]:
    if data[pos] != 1:
        raise CandidError("opaque references are not supported")
    length = data[pos + 1]
    pos += 2
    end = pos + length
    if length > MAX_LENGTH:
        raise CandidError(f"a principal has at most {MAX_LENGTH} bytes, this one {length}")
    if end > len(data):
        short()
    return Principal(data[pos:end]), end


def read_func(data: bytes, pos: int) -> tuple[tuple[Principal, str], int]:
    if data[pos] != 1:
        raise CandidError("opaque references are not supported")
    principal, pos = read_principal(data, pos + 1)
    method, pos = read_text(data, pos)
    return (principal, method), pos


def read_empty(data: bytes, pos: int) -> tuple[None, int]:
    raise CandidError("the message contains a value of type empty, which has none")


def read_future(data: bytes, pos: int) -> tuple[None, int]:
    length, pos = read_length(data, pos)
    references, pos = read_length(data, pos)
    if references or pos + length > len(data):
        short()
    return None, pos + length


READERS: dict[int, Decoder] = {
    NULL: read_null,
    BOOL: read_bool,
    NAT: read_nat,
    INT: read_int,
    TEXT: read_text,
    RESERVED: read_null,
    EMPTY: read_empty,
    PRINCIPAL: read_principal,
    FUNC: read_func,
    FUTURE: read_future,
}
ZERO_SIZE = (NULL, RESERVED)


def _make_fixed(kind: int) -> Decoder:
    form = struct.Struct("<" + FIXED_FORMATS[kind])
    unpack, size = form.unpack_from, form.size
    if kind == NAT8:

        def decode_byte(data: bytes, pos: int) -> tuple[int, int]:
            return data[pos], pos + 1

        return decode_byte

    def decode(data: bytes, pos: int) -> tuple[Any, int]:
        return unpack(data, pos)[0], pos + size

    return decode


for _kind in FIXED_FORMATS:
    READERS[_kind] = _make_fixed(_kind)


def skip_number(data: bytes, pos: int) -> tuple[None, int]:
    while data[pos] > 127:
        pos += 1
    return None, pos + 1


def as_none(inner: Decoder) -> Decoder:
    def decode(data: bytes, pos: int) -> tuple[None, int]:
        return None, inner(data, pos)[1]

    return decode


def opt_reader(inner: Decoder) -> Decoder:
    def decode(data: bytes, pos: int) -> tuple[Any, int]:
        flag = data[pos]
        if flag == 0:
            return None, pos + 1
        if flag != 1:
            raise CandidError(f"an option starts with 0 or 1, not {flag}")
        return inner(data, pos + 1)

    return decode


def numbers_reader(letter: str) -> Decoder:
    size = struct.calcsize("<" + letter)

    def decode(data: bytes, pos: int) -> tuple[list[Any], int]:
        count, pos = read_length(data, pos)
        if count * size > len(data) - pos:
            short()
        return list(struct.unpack_from(f"<{count}{letter}", data, pos)), pos + count * size

    return decode


def record_reader(plan: list[tuple[Any, Decoder]], missing: dict[Any, Any], zero: int) -> Decoder:
    if zero == 0 and not missing and all(key is not None for key, _ in plan):

        def decode_plain(data: bytes, pos: int) -> tuple[Any, int]:
            found = {}
            for key, decode in plan:
                found[key], pos = decode(data, pos)
            return found, pos

        return decode_plain

    def decode_record(data: bytes, pos: int) -> tuple[Any, int]:
        if zero:
            charge(zero)
        found = dict(missing)
        for key, decode in plan:
            value, pos = decode(data, pos)
            if key is not None:
                found[key] = value
        return found, pos

    return decode_record


def tuple_reader(decoders: list[Decoder]) -> Decoder:
    def decode_tuple(data: bytes, pos: int) -> tuple[Any, int]:
        items = []
        for decode in decoders:
            value, pos = decode(data, pos)
            items.append(value)
        return tuple(items), pos

    return decode_tuple


def variant_reader(cases: list[tuple[Any, Decoder]]) -> Decoder:
    def decode_variant(data: bytes, pos: int) -> tuple[Any, int]:
        index, pos = read_length(data, pos)
        if index >= len(cases):
            raise CandidError(f"a variant of {len(cases)} cases has no case number {index}")
        key, decode = cases[index]
        value, pos = decode(data, pos)
        return {key: value}, pos

    return decode_variant


def failing_reader(message: str) -> Decoder:
    def decode(data: bytes, pos: int) -> tuple[Any, int]:
        raise CandidError(message)

    return decode


DECODE_ERRORS = (IndexError, struct.error, UnicodeDecodeError, RecursionError)
"""What cut-off or over-nested messages raise on the way; `as_candid_error` names it."""


def as_candid_error(error: Exception) -> CandidError:
    if isinstance(error, UnicodeDecodeError):
        return CandidError("a text is not UTF-8")
    if isinstance(error, RecursionError):
        return CandidError("the message is nested too deeply")
    return CandidError("the message ends in the middle of a value")
