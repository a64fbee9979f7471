"""Turn a canister module into the module that is compiled.

Changes: metering; active data segments are taken out (the memory image holds them); `start`
becomes the export `canister_start`; helper functions read and write all mutable globals and the
instruction counter, and call a callback by table index.
"""

from __future__ import annotations

from dataclasses import dataclass

from dcanary.replica.engine.module import ic0
from dcanary.replica.engine.module.binary import (
    I32,
    I64,
    MAGIC,
    SECTION_CODE,
    SECTION_CUSTOM,
    SECTION_DATA,
    SECTION_EXPORT,
    SECTION_FUNCTION,
    SECTION_GLOBAL,
    SECTION_START,
    SECTION_TYPE,
    MalformedModule,
    name,
    read_uleb,
    sleb,
    uleb,
)
from dcanary.replica.engine.module.metering import Meter, Targets
from dcanary.replica.engine.module.parse import KIND_FUNCTION, ParsedModule

REWRITER_VERSION = 1
"""Part of the compile cache's key: raise it when the rewritten module changes."""

GET_GLOBALS = "#get_globals"
SET_GLOBALS = "#set_globals"
GET_COUNTER = "#get_counter"
SET_COUNTER = "#set_counter"
CALLBACK = "#callback"
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
        encoded = b"\x60" + uleb(len(params)) + params + uleb(len(results)) + results
        if encoded not in self.types:
            self.types.append(encoded)
        return self._type_base + self.types.index(encoded)

    def function(self, params: bytes, results: bytes, body: bytes, export: str | None) -> int:
        index = self._function_base + len(self.functions)
        self.functions.append(uleb(self.type_index(params, results)))
        content = b"\x00" + body + b"\x0b"
        self.bodies.append(uleb(len(content)) + content)
        if export is not None:
            self.exports.append(name(export) + b"\x00" + uleb(index))
        return index


def _add_helpers(module: ParsedModule, additions: _Additions) -> Targets:
    mutable = module.mutable_globals()
    kinds = bytes(kind for _, kind in mutable)
    if mutable:
        read = b"".join(b"\x23" + uleb(index) for index, _ in mutable)
        write = b"".join(
            b"\x20" + uleb(position) + b"\x24" + uleb(index)
            for position, (index, _) in enumerate(mutable)
        )
        additions.function(b"", kinds, read, GET_GLOBALS)
        additions.function(kinds, b"", write, SET_GLOBALS)
    counter_index = len(module.globals)
    counter = uleb(counter_index)
    out = additions.function(b"", b"", b"\x00", None)
    charge = additions.function(
        bytes((I64,)),
        bytes((I64,)),
        b"\x23" + counter + b"\x20\x00\x7d\x24" + counter
        + b"\x23" + counter + b"\x42\x00\x53\x04\x40\x10" + uleb(out) + b"\x0b\x20\x00",
        None,
    )  # fmt: skip
    additions.function(b"", bytes((I64,)), b"\x23" + counter, GET_COUNTER)
    additions.function(bytes((I64,)), b"", b"\x20\x00\x24" + counter, SET_COUNTER)
    if module.tables:
        environment = I64 if module.is_64 else I32
        callback_type = additions.type_index(bytes((environment,)), b"")
        index_type = I64 if module.tables[0] else I32
        additions.function(
            bytes((index_type, environment)),
            b"",
            b"\x20\x01\x20\x00\x11" + uleb(callback_type) + b"\x00",
            CALLBACK,
        )
    if module.start is not None:
        additions.exports.append(name(START) + b"\x00" + uleb(module.start))
    return Targets(counter_index, charge, out)


def _block_type(results: bytes, additions: _Additions) -> bytes:
    if not results:
        return b"\x40"
    if len(results) == 1:
        return results
    return sleb(additions.type_index(b"", results))


def _meter(module: ParsedModule, targets: Targets, additions: _Additions) -> tuple[bytes, Meter]:
    overheads = [ic0.overhead(item.name) for item in module.imports if item.kind == KIND_FUNCTION]
    meter = Meter(targets, module.is_64, overheads)
    start = next((s for section, s, _ in module.sections if section == SECTION_CODE), None)
    parts: list[bytes] = []
    if start is not None:
        count, at = read_uleb(module.wasm, start)
        if count != len(module.function_types):
            raise MalformedModule("function and code sections differ in length")
        for type_index in module.function_types:
            length, at = read_uleb(module.wasm, at)
            kind = module.types[type_index]
            body = meter.body(
                module.wasm[at : at + length],
                len(kind.params),
                _block_type(kind.results, additions),
            )
            parts += (uleb(len(body)), body)
            at += length
    parts += additions.bodies
    return b"".join((uleb(len(module.function_types) + len(additions.functions)), *parts)), meter


def _without_active_data(module: ParsedModule) -> bytes:
    parts = [uleb(len(module.data))]
    for segment in module.data:
        if segment.offset is not None:
            parts.append(b"\x01\x00")
        else:
            content = module.wasm[segment.start : segment.end]
            parts += (b"\x01", uleb(len(content)), content)
    return b"".join(parts)


def rewrite(module: ParsedModule) -> Rewritten:
    """Rewrite a valid module. Raises `MalformedModule` for encodings it does not support."""
    additions = _Additions(module)
    targets = _add_helpers(module, additions)
    code, meter = _meter(module, targets, additions)

    content = {
        section: module.wasm[start:end]
        for section, start, end in module.sections
        if section != SECTION_CUSTOM
    }
    content.pop(SECTION_START, None)
    content[SECTION_CODE] = code
    if SECTION_DATA in content:
        content[SECTION_DATA] = _without_active_data(module)
    appended = {
        SECTION_TYPE: additions.types,
        SECTION_FUNCTION: additions.functions,
        SECTION_GLOBAL: [bytes((I64,)) + b"\x01\x42\x00\x0b"],
        SECTION_EXPORT: additions.exports,
    }
    for section, items in appended.items():
        count, at = read_uleb(content.get(section, b"\x00"), 0)
        old = content.get(section, b"\x00")[at:]
        content[section] = b"".join((uleb(count + len(items)), old, *items))

    out = [MAGIC]
    for section in _SECTION_ORDER:
        if section in content:
            out += (bytes((section,)), uleb(len(content[section])), content[section])
    return Rewritten(b"".join(out), meter.instructions, meter.mutates_tables)
