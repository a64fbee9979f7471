"""Turn a canister module into the module that is compiled.

Changes: metering; active data segments are taken out (the memory image holds them); `start`
can be run like an entry point; helper functions read and write all mutable globals, and run
entry points, and callbacks by table index; the instruction counter is exported.
"""

from __future__ import annotations

from dataclasses import dataclass

from dcanary.replica.wasm import bulk, ic0
from dcanary.replica.wasm.metering import Meter, Targets
from dcanary.wasm_binary import sections
from dcanary.wasm_binary.leb128 import (
    MalformedModule,
    decode_unsigned,
    encode_name,
    encode_signed,
    encode_unsigned,
)
from dcanary.wasm_binary.module import FunctionType, ParsedModule
from dcanary.wasm_binary.sections import HEADER, I32, I64, KIND_FUNCTION

REWRITER_VERSION = 6
"""Part of the compile cache's key: raise it when the rewritten module changes."""

GET_GLOBALS = "#get_globals"
SET_GLOBALS = "#set_globals"
COUNTER = "#counter"
CALLBACK = "#callback"
RUN = "#run "
"""Prefix of the functions that run an entry point: they take the value of the instruction counter
and the arguments, and return the counter and, unless there are too many, all mutable globals. One
call instead of four across the border of the host, which is what a small message costs most."""
MAX_RETURNED_GLOBALS = 100
ENTRY_PREFIXES = ("canister_", "#f")
"""Of exports that the replica calls: entry points, and what thin ones call (see `shape`)."""
START = "canister_start"

_SECTION_ORDER = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)


@dataclass(frozen=True, slots=True)
class Rewritten:
    wasm: bytes
    instructions: int
    """Number of instructions in the code section; compiling is charged by it."""
    mutates_tables: bool


class _Additions:
    """Functions, types, globals and exports to append."""

    def __init__(self, module: ParsedModule) -> None:
        self._type_base = len(module.types)
        self._function_base = module.imported_functions + len(module.function_types)
        self.types: list[bytes] = []
        self.functions: list[bytes] = []
        self.bodies: list[bytes] = []
        self.exports: list[bytes] = []

    def type_index(self, params: bytes, results: bytes) -> int:
        encoded = FunctionType(params, results).encode()
        if encoded not in self.types:
            self.types.append(encoded)
        return self._type_base + self.types.index(encoded)

    def function(self, params: bytes, results: bytes, body: bytes, export: str | None) -> int:
        index = self._function_base + len(self.functions)
        self.functions.append(encode_unsigned(self.type_index(params, results)))
        content = b"\x00" + body + b"\x0b"
        self.bodies.append(encode_unsigned(len(content)) + content)
        if export is not None:
            self.exports.append(encode_name(export) + b"\x00" + encode_unsigned(index))
        return index


def _add_helpers(module: ParsedModule, additions: _Additions) -> Targets:
    mutable = module.mutable_globals()
    kinds = bytes(kind for _, kind in mutable)
    if mutable:
        read = b"".join(b"\x23" + encode_unsigned(index) for index, _ in mutable)
        write = b"".join(
            b"\x20" + encode_unsigned(position) + b"\x24" + encode_unsigned(index)
            for position, (index, _) in enumerate(mutable)
        )
        additions.function(b"", kinds, read, GET_GLOBALS)
        additions.function(kinds, b"", write, SET_GLOBALS)
    counter_index = len(module.globals)
    counter = encode_unsigned(counter_index)
    charge = additions.function(
        bytes((I64,)),
        bytes((I64,)),
        b"\x23" + counter + b"\x20\x00\x7d\x24" + counter
        + b"\x23" + counter + b"\x42\x00\x53\x04\x40\x00\x0b\x20\x00",
        None,
    )  # fmt: skip
    fill_function = copy_function = None
    if module.memory is not None:
        fill_function, copy_function = (
            additions.function(params, b"", body, None)
            for params, body in (bulk.fill(module.is_64, charge), bulk.copy(module.is_64, charge))
        )
    additions.exports.append(encode_name(COUNTER) + b"\x03" + counter)
    returned = mutable if len(mutable) <= MAX_RETURNED_GLOBALS else []
    epilogue = b"".join(b"\x23" + encode_unsigned(index) for index, _ in returned)
    results = bytes((I64, *(kind for _, kind in returned)))

    def runner(params: bytes, call: bytes, export: str) -> None:
        body = b"\x20\x00\x24" + counter + call + b"\x23" + counter + epilogue
        additions.function(bytes((I64,)) + params, results, body, RUN + export)

    for export, (kind, index) in module.exports.items():
        if kind == KIND_FUNCTION and export.startswith(ENTRY_PREFIXES):
            params = module.function_type(index).params
            pushed = b"".join(b"\x20" + encode_unsigned(i + 1) for i in range(len(params)))
            runner(params, pushed + b"\x10" + encode_unsigned(index), export)
    if module.start is not None:
        runner(b"", b"\x10" + encode_unsigned(module.start), START)
    if module.tables:
        environment = I64 if module.is_64 else I32
        callback_type = additions.type_index(bytes((environment,)), b"")
        index_type = I64 if module.tables[0] else I32
        runner(
            bytes((index_type, environment)),
            b"\x20\x02\x20\x01\x11" + encode_unsigned(callback_type) + b"\x00",
            CALLBACK,
        )
    return Targets(counter_index, charge, fill_function, copy_function)


def _block_type(results: bytes, additions: _Additions) -> bytes:
    if not results:
        return b"\x40"
    if len(results) == 1:
        return results
    return encode_signed(additions.type_index(b"", results))


def _meter(module: ParsedModule, targets: Targets, additions: _Additions) -> tuple[bytes, Meter]:
    overheads = [ic0.overhead(item.field) for item in module.imports if item.kind == KIND_FUNCTION]
    meter = Meter(targets, module.is_64, overheads, module.tables)
    start = next((s for section, s, _ in module.sections if section == sections.CODE), None)
    parts: list[bytes] = []
    if start is not None:
        count, at = decode_unsigned(module.wasm, start)
        if count != len(module.function_types):
            raise MalformedModule("function and code sections differ in length")
        for type_index in module.function_types:
            length, at = decode_unsigned(module.wasm, at)
            kind = module.types[type_index]
            body = meter.body(
                module.wasm[at : at + length],
                len(kind.params),
                _block_type(kind.results, additions),
            )
            parts += (encode_unsigned(len(body)), body)
            at += length
    parts += additions.bodies
    return b"".join(
        (encode_unsigned(len(module.function_types) + len(additions.functions)), *parts)
    ), meter


def _without_active_data(module: ParsedModule) -> bytes:
    parts = [encode_unsigned(len(module.data))]
    for segment in module.data:
        if segment.offset is not None:
            parts.append(b"\x01\x00")
        else:
            content = module.wasm[segment.start : segment.end]
            parts += (b"\x01", encode_unsigned(len(content)), content)
    return b"".join(parts)


def rewrite(module: ParsedModule) -> Rewritten:
    """Rewrite a valid module. Raises `MalformedModule` for encodings it does not support."""
    additions = _Additions(module)
    targets = _add_helpers(module, additions)
    code, meter = _meter(module, targets, additions)

    content = {
        section: module.wasm[start:end]
        for section, start, end in module.sections
        if section != sections.CUSTOM
    }
    content.pop(sections.START, None)
    content[sections.CODE] = code
    if sections.DATA in content:
        content[sections.DATA] = _without_active_data(module)
    appended = {
        sections.TYPE: additions.types,
        sections.FUNCTION: additions.functions,
        sections.GLOBAL: [bytes((I64,)) + b"\x01\x42\x00\x0b"],
        sections.EXPORT: additions.exports,
    }
    for section, items in appended.items():
        count, at = decode_unsigned(content.get(section, b"\x00"), 0)
        old = content.get(section, b"\x00")[at:]
        content[section] = b"".join((encode_unsigned(count + len(items)), old, *items))

    out = [HEADER]
    for section in _SECTION_ORDER:
        if section in content:
            out += (bytes((section,)), encode_unsigned(len(content[section])), content[section])
    return Rewritten(b"".join(out), meter.instructions, meter.mutates_tables)
