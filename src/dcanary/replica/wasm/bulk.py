"""Functions that fill and copy memory in pieces, in place of the instructions.

One such instruction may write 4 GiB, and nothing interrupts it. Between pieces, the loop of these
functions is interrupted like any other. What is out of bounds traps, at the latest in the piece
that is: a trap undoes the whole message, so that nobody sees which pieces came before.
"""

from __future__ import annotations

from dcanary.wasm_binary.leb128 import encode_signed, encode_unsigned
from dcanary.wasm_binary.sections import I32, I64

PIECE = 1 << 20
"""Bytes between two moments at which a run can be interrupted."""

_TARGET, _OTHER, _LENGTH = b"\x00", b"\x01", b"\x02"
"""Parameters: where to, what (the value, or where from), how much."""


class _Ops:
    """The instructions of one pointer width."""

    def __init__(self, memory_64: bool) -> None:
        self.type = I64 if memory_64 else I32
        self.above, self.below = (b"\x56", b"\x54") if memory_64 else (b"\x4b", b"\x49")
        self.not_below = b"\x5a" if memory_64 else b"\x4f"
        self.add, self.subtract = (b"\x7c", b"\x7d") if memory_64 else (b"\x6a", b"\x6b")
        constant = b"\x42" if memory_64 else b"\x41"
        self.one, self.piece = constant + b"\x01", constant + encode_signed(PIECE)
        self.widen = b"" if memory_64 else b"\xad"

    def charge(self, charge_function: int) -> bytes:
        charge = b"\x10" + encode_unsigned(charge_function)
        return b"\x20" + _LENGTH + self.widen + charge + b"\x1a"

    def long(self) -> bytes:
        return b"\x20" + _LENGTH + self.piece + self.above

    def fits(self, start: bytes) -> bytes:
        """Whether the range has no end beyond all addresses; else the instruction shall trap."""
        last = b"\x20" + start + b"\x20" + _LENGTH + self.add + self.one + self.subtract
        return last + b"\x20" + start + self.not_below

    def move_on(self, variable: bytes) -> bytes:
        return b"\x20" + variable + self.piece + self.add + b"\x21" + variable

    def shorten(self) -> bytes:
        return b"\x20" + _LENGTH + self.piece + self.subtract + b"\x21" + _LENGTH

    def plus_length(self, variable: bytes) -> bytes:
        return b"\x20" + variable + b"\x20" + _LENGTH + self.add

    def while_long(self, body: bytes) -> bytes:
        return b"\x03\x40" + body + self.long() + b"\x0d\x00\x0b"


_IF, _ELSE, _END, _AND = b"\x04\x40", b"\x05", b"\x0b", b"\x71"
_ALL = b"\x20" + _TARGET + b"\x20" + _OTHER + b"\x20" + _LENGTH


def fill(memory_64: bool, charge_function: int) -> tuple[bytes, bytes]:
    """Parameter types and body of a function (target, value, length) for memory.fill."""
    ops = _Ops(memory_64)
    instruction = b"\xfc\x0b\x00"
    piece = b"\x20" + _TARGET + b"\x20" + _OTHER + ops.piece + instruction
    pieces = ops.while_long(piece + ops.move_on(_TARGET) + ops.shorten())
    body = (
        ops.charge(charge_function)
        + ops.long() + ops.fits(_TARGET) + _AND + _IF + pieces + _END
        + _ALL + instruction
    )  # fmt: skip
    return bytes((ops.type, I32, ops.type)), body


def copy(memory_64: bool, charge_function: int) -> tuple[bytes, bytes]:
    """Parameter types and body of a function (target, source, length) for memory.copy."""
    ops = _Ops(memory_64)
    instruction = b"\xfc\x0a\x00\x00"
    # As the ranges may overlap: from the end that would else be overwritten before it is read.
    upwards = ops.while_long(
        b"\x20" + _TARGET + b"\x20" + _OTHER + ops.piece + instruction
        + ops.move_on(_TARGET) + ops.move_on(_OTHER) + ops.shorten()
    )  # fmt: skip
    downwards = ops.while_long(
        ops.shorten()
        + ops.plus_length(_TARGET) + ops.plus_length(_OTHER) + ops.piece + instruction
    )  # fmt: skip
    body = (
        ops.charge(charge_function)
        + ops.long() + ops.fits(_TARGET) + _AND + ops.fits(_OTHER) + _AND + _IF
        + b"\x20" + _TARGET + b"\x20" + _OTHER + ops.below
        + _IF + upwards + _ELSE + downwards + _END
        + _END + _ALL + instruction
    )  # fmt: skip
    return bytes((ops.type, ops.type, ops.type)), body
