"""Constant expressions: initial values of globals, offsets of segments (core spec, 3.3.10)."""

from __future__ import annotations

from dcanary.wasm_binary.leb128 import MalformedModule, decode_signed, decode_unsigned

END = 0x0B
I32_CONST, I64_CONST, F32_CONST, F64_CONST = 0x41, 0x42, 0x43, 0x44
_GLOBAL_GET, _REF_NULL, _REF_FUNC, _VECTOR = 0x23, 0xD0, 0xD2, 0xFD
_ADDITIONS = (0x6A, 0x7C)
_ARITHMETIC = (0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E)


def skip_expression(data: bytes, at: int) -> tuple[int | None, int]:
    """Return (value, offset after the expression); the value only of a single integer constant.

    Raises MalformedModule for an instruction that no constant expression has.
    """
    value: int | None = None
    simple = True
    count = 0
    while True:
        if at >= len(data):
            raise MalformedModule("module ends inside a constant expression")
        op = data[at]
        at += 1
        if op == END:
            return (value if simple and count == 1 else None), at
        count += 1
        if op in (I32_CONST, I64_CONST):
            value, at = decode_signed(data, at)
            continue
        simple = False
        if op == F32_CONST:
            at += 4
        elif op == F64_CONST:
            at += 8
        elif op in (_GLOBAL_GET, _REF_FUNC):
            _, at = decode_unsigned(data, at)
        elif op == _REF_NULL:
            _, at = decode_signed(data, at)
        elif op == _VECTOR:
            _, at = decode_unsigned(data, at)
            at += 16
        elif op not in _ARITHMETIC:
            raise MalformedModule(f"instruction 0x{op:02x} in a constant expression")


def fold(expression: bytes) -> int:
    """Return the value of an expression of integer constants and additions (extended-const).

    Raises ValueError for any other instruction.
    """
    stack: list[int] = []
    at = 0
    while (op := expression[at]) != END:
        at += 1
        if op in (I32_CONST, I64_CONST):
            value, at = decode_signed(expression, at)
            stack.append(value)
        elif op in _ADDITIONS:
            stack.append(stack.pop() + stack.pop())
        else:
            raise ValueError(f"global initialiser with opcode {op:#x}")
    return stack[-1]
