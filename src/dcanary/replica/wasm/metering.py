"""Instruction metering: rewrite function bodies so that they count what they execute.

The totals are those of the Internet Computer's instrumentation (weights per instruction, charged
per basic block). Each function gathers its count in a local and adds it to the module's global
counter before calls, returns and its end, which is about half as dear as a global per block. The
limit is checked at function entry and at loop heads, by comparing what was gathered with the
counter; what is past it traps at once. What a function gathered since its last call is lost when it
traps in the middle.

Rejected for loops: adding to the counter now and then and going on. The tightest loop then takes
1.3 times as long, and 2.3 times when what ends it is a call, because of the registers that a call
needs even where it never happens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from dcanary.replica.wasm import weights
from dcanary.wasm_binary.leb128 import (
    MalformedModule,
    decode_unsigned,
    encode_signed,
    encode_unsigned,
)
from dcanary.wasm_binary.sections import I64

_L = rb"[\x80-\xff]*[\x00-\x7f]"
_TOKEN = re.compile(
    # no immediates
    rb"[\x00\x01\x05\x0b\x0f\x1a\x1b\x45-\xc4\xd1]"
    # one LEB: branches, calls, variables, constants, references
    rb"|[\x0c\x0d\x10\x12\x20-\x26\x41\x42\xd0\xd2]"
    + _L
    +
    # alignment and offset
    rb"|[\x28-\x3e]"
    + _L
    + _L
    +
    # block type
    rb"|[\x02-\x04]"
    + _L
    +
    # type and table
    rb"|[\x11\x13]"
    + _L
    + _L
    +
    # memory index
    rb"|[\x3f\x40]"
    + _L
    +
    # float constants
    rb"|\x43.{4}|\x44.{8}"
    rb"|\xfc(?:[\x00-\x07]|[\x09\x0b\x0d\x0f-\x11]" + _L + rb"|[\x08\x0a\x0c\x0e]" + _L + _L + rb")"
    # select with a type
    rb"|\x1c\x01."
    rb"|\xfd(?:[\x00-\x0b\x5c\x5d]" + _L + _L + rb"|[\x54-\x5b]" + _L + _L + rb"."
    rb"|[\x0c\x0d].{16}|[\x15-\x22].|[\x80-\xff]+[\x00-\x7f]|[\x0e-\x14\x23-\x53\x5e-\x7f])"
    # br_table: its variable length is handled by hand
    rb"|\x0e",
    re.S,
)

# Instructions the loop below must look at: block ends, calls, and groups with sub-opcodes.
_NOTABLE = re.compile(rb"[\x00\x03\x04\x05\x0b-\x13\xfc\xfd]")

_BR_TABLE = 0x0E
_MUTATES_TABLE_MISC = frozenset((12, 14, 15, 17))


@dataclass(frozen=True, slots=True)
class Targets:
    """Indices of what the rewriter adds to the module."""

    counter_global: int
    charge_function: int
    """(i64 amount) -> i64 amount: subtracts from the counter, traps below zero."""
    fill_function: int | None
    """Charges for memory.fill by its length, and does it; None without a memory."""
    copy_function: int | None
    """The same for memory.copy."""


def tokenize(body: bytes) -> list[bytes]:
    """Split the instructions of a function body. Raises `MalformedModule`."""
    if b"\x0e" not in body:
        return _TOKEN.findall(body)
    tokens: list[bytes] = []
    at, size = 0, len(body)
    match = _TOKEN.match
    while at < size:
        found = match(body, at)
        if found is None:
            raise MalformedModule(f"unknown instruction 0x{body[at]:02x}")
        end = found.end()
        if body[at] == _BR_TABLE:
            labels, end = decode_unsigned(body, at + 1)
            for _ in range(labels + 1):
                _, end = decode_unsigned(body, end)
        tokens.append(body[at:end])
        at = end
    return tokens


class Meter:
    """Rewrites the function bodies of one module."""

    def __init__(
        self,
        targets: Targets,
        memory_64: bool,
        import_overheads: Sequence[int],
        tables_64: Sequence[bool],
    ) -> None:
        self._memory_64 = memory_64
        self._tables_64 = tables_64
        self._in_pieces = {
            sub: b"\x10" + encode_unsigned(function)
            for sub, function in ((10, targets.copy_function), (11, targets.fill_function))
            if function is not None
        }
        self._weights = weights.SCALAR_64 if memory_64 else weights.SCALAR_32
        self._overheads = import_overheads
        counter = encode_unsigned(targets.counter_global)
        self._get = b"\x23" + counter
        self._set = b"\x24" + counter
        charge = b"\x10" + encode_unsigned(targets.charge_function)
        self._charge_64 = charge
        self._charge_32 = b"\xad" + charge + b"\xa7"
        self.instructions = 0
        self.mutates_tables = False

    def body(self, code: bytes, parameters: int, block_type: bytes) -> bytes:
        """Metered form of one function body (local declarations and instructions).

        `block_type` is the encoded type of a block with the function's results.
        """
        groups, at = decode_unsigned(code, 0)
        declarations = at
        local_count = parameters
        for _ in range(groups):
            count, at = decode_unsigned(code, at)
            local_count += count
            if at >= len(code):
                raise MalformedModule("a function body ends inside its locals")
            at += 1  # numeric and short reference types are one byte
        if local_count >= 50_000:
            raise MalformedModule("a function has 50000 locals or more")
        expression = code[at:]
        tokens = tokenize(expression)
        offsets = [0, *accumulate(map(len, tokens))]
        if offsets[-1] != len(expression):
            raise MalformedModule("a function body holds an unsupported instruction encoding")
        ops = bytes([token[0] for token in tokens])
        cumulative = [0, *accumulate(map(self._weights.__getitem__, ops))]
        self.instructions += len(tokens)

        local = encode_unsigned(local_count)
        get_local, set_local = b"\x20" + local, b"\x21" + local
        flush = self._get + get_local + b"\x7d" + self._set
        flush_and_zero = flush + b"\x42\x00" + set_local
        # if gathered > counter: add it up, so that the counter shows why, and trap
        check = get_local + self._get + b"\x55\x04\x40" + flush + b"\x00\x0b"

        declared = encode_unsigned(groups + 1) + code[declarations:at] + b"\x01" + bytes((I64,))
        out = [declared, b"\x02", block_type]
        inserted: list[tuple[int, bytes, bool]] = []
        last = 0
        extra = 1  # entering a function
        first = True
        due_check = check

        def end_block(upto: int) -> None:
            nonlocal last, extra, first
            cost = cumulative[upto] - cumulative[last] + extra
            if first:
                out.append(b"\x42" + encode_signed(cost) + set_local)
                first = False
            elif cost:
                out.append(get_local + b"\x42" + encode_signed(cost) + b"\x7c" + set_local)
            out.append(due_check)
            position = offsets[last]
            for index, code_before, dropped in inserted:
                out.append(expression[position : offsets[index]])
                out.append(code_before)
                position = offsets[index + 1] if dropped else offsets[index]
            out.append(expression[position : offsets[upto]])
            inserted.clear()
            last, extra = upto, 0

        for notable in _NOTABLE.finditer(ops):
            index = notable.start()
            op = ops[index]
            if op == weights.GROUP_FC:
                sub = tokens[index][1]
                extra += weights.MISC[sub]
                if sub in _MUTATES_TABLE_MISC:
                    self.mutates_tables = True
                if sub in (9, 13):
                    # A fresh instance per message never sees a drop; ours lives on.
                    inserted.append((index, b"", True))
                elif sub in (8, 12):
                    inserted.append((index, self._charge_32, False))
                elif sub in (10, 11):
                    if sub not in self._in_pieces:
                        raise MalformedModule("a memory instruction in a module without a memory")
                    inserted.append((index, self._in_pieces[sub], True))
                elif sub in (14, 17):
                    inserted.append((index, self._charge_for_table(tokens[index]), False))
                continue
            if op == weights.GROUP_SIMD:
                sub, _ = decode_unsigned(tokens[index], 1)
                extra += weights.simd(sub, self._memory_64)
                continue
            if op in (0x10, 0x11):
                if op == 0x10:
                    callee, _ = decode_unsigned(tokens[index], 1)
                    if callee < len(self._overheads):
                        extra += self._overheads[callee]
                inserted.append((index, flush_and_zero, False))
                continue
            if op in (0x00, 0x0F, 0x12, 0x13):
                inserted.append((index, flush_and_zero, False))
            end_block(index + 1)
            due_check = check if op == 0x03 else b""
        if last != len(tokens):
            raise MalformedModule("a function body does not end with `end`")
        if b"\x26" in ops:
            self.mutates_tables = True
        out.append(flush)
        out.append(b"\x0b")
        return b"".join(out)

    def _charge_for_table(self, token: bytes) -> bytes:
        """What charges for table.copy or table.fill by the length, which has the tables' width."""
        tables = [decode_unsigned(token, 2)]
        if token[1] == 14:
            tables.append(decode_unsigned(token, tables[0][1]))
        try:
            wide = all(self._tables_64[table] for table, _ in tables)
        except IndexError:
            raise MalformedModule("a table instruction names an unknown table") from None
        return self._charge_64 if wide else self._charge_32
