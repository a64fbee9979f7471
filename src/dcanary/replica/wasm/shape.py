"""What modules have in common: the part that is compiled, apart from what only fills it.

Canisters made from one runtime (a Python interpreter, say) differ in their data, in the initial
values of their globals and in the small functions behind their exported methods; their code is
the same. All of that is kept aside here, so that such canisters share one compiled artifact:

- data segments (the memory image holds them) and the initial size of the memory;
- initial values of mutable globals, which are set when an instance is made;
- entry points at the end of the module that only call another function with constants, which the
  replica then calls itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dcanary.wasm_binary import sections
from dcanary.wasm_binary.leb128 import (
    MalformedModule,
    decode_signed,
    decode_unsigned,
    encode_name,
    encode_unsigned,
)
from dcanary.wasm_binary.module import ParsedModule
from dcanary.wasm_binary.sections import F32, F64, HEADER, I32, I64, KIND_FUNCTION, V128, Global

_MAX_ARGUMENTS = 4
_VALUE_SIZE = 16
"""Bytes of one global's value in an unchecked call."""
_ZERO_EXPRESSIONS = {
    I32: b"\x41\x00\x0b",
    I64: b"\x42\x00\x0b",
    F32: b"\x43\0\0\0\0\x0b",
    F64: b"\x44\0\0\0\0\0\0\0\0\x0b",
    V128: b"\xfd\x0c" + bytes(16) + b"\x0b",
}


@dataclass(frozen=True, slots=True)
class ThinEntry:
    """An entry point that only calls `function` with constant `arguments` (as unsigned)."""

    function: int
    arguments: tuple[int, ...]

    @property
    def export(self) -> str:
        """Name under which the function is exported from the shape."""
        return f"#f{self.function}"

    @property
    def instructions(self) -> int:
        """Cost of the entry point itself: entering it, the constants and the call."""
        return 1 + len(self.arguments) + 5


@dataclass(frozen=True, slots=True)
class Shape:
    """The module to compile and what was kept aside."""

    wasm: bytes
    entries: Mapping[str, ThinEntry] = field(default_factory=dict)
    globals: bytes | None = None
    """Initial values of the mutable globals; None when the module sets them itself."""


def plain(module: ParsedModule) -> Shape:
    """The module as it is."""
    return Shape(module.wasm)


def shape(module: ParsedModule) -> Shape:
    """The shape of a valid module. It may turn out not to be a valid module itself, when its code
    refers to what was taken out; then `plain` must be used. Raises `MalformedModule`."""
    content = {
        section: module.wasm[start:end]
        for section, start, end in module.sections
        if section != sections.CUSTOM
    }
    entries: dict[str, ThinEntry] = {}
    if sections.CODE in content:
        entries = _take_thin_entries(module, content)
    content[sections.EXPORT] = _exports(module, entries)
    values = _take_globals(module, content)
    _take_memory(module, content)
    if all(segment.offset is not None for segment in module.data):
        content.pop(sections.DATA, None)
        content.pop(sections.DATA_COUNT, None)
    out = [HEADER]
    for section, _, _ in module.sections:
        if section in content:
            part = content.pop(section)
            out += (bytes((section,)), encode_unsigned(len(part)), part)
    return Shape(b"".join(out), entries, values)


def _bodies(code: bytes) -> list[tuple[int, int]]:
    """(start, end) of every function body in the code section."""
    count, at = decode_unsigned(code, 0)
    out: list[tuple[int, int]] = []
    for _ in range(count):
        length, at = decode_unsigned(code, at)
        out.append((at, at + length))
        at += length
    return out


def _thin(module: ParsedModule, body: bytes) -> ThinEntry | None:
    """The call a body consists of, if it is nothing else."""
    if not body or body[0] != 0:
        return None
    at = 1
    kinds = bytearray()
    values: list[int] = []
    while body[at] in (0x41, 0x42):
        wide = body[at] == 0x42
        value, at = decode_signed(body, at + 1)
        kinds.append(I64 if wide else I32)
        values.append(value & (0xFFFFFFFFFFFFFFFF if wide else 0xFFFFFFFF))
    if len(values) > _MAX_ARGUMENTS or body[at] != 0x10:
        return None
    function, at = decode_unsigned(body, at + 1)
    if body[at:] != b"\x0b" or function < module.imported_functions:
        return None
    callee = module.function_type(function)
    if callee.params != bytes(kinds) or callee.results:
        return None
    return ThinEntry(function, tuple(values))


def _take_thin_entries(module: ParsedModule, content: dict[int, bytes]) -> dict[str, ThinEntry]:
    imported = module.imported_functions
    exported: dict[int, list[str]] = {}
    for export, (kind, index) in module.exports.items():
        if kind == KIND_FUNCTION:
            exported.setdefault(index, []).append(export)
    code = content[sections.CODE]
    bodies = _bodies(code)
    entries: dict[str, ThinEntry] = {}
    kept = len(bodies)
    while kept and imported + kept - 1 in exported:
        start, end = bodies[kept - 1]
        entry = _thin(module, code[start:end])
        if entry is None or entry.function >= imported + kept - 1:
            break
        for export in exported[imported + kept - 1]:
            entries[export] = entry
        kept -= 1
    if any(entry.function >= imported + kept for entry in entries.values()):
        return {}
    if entries:
        end_of_kept = bodies[kept - 1][1] if kept else decode_unsigned(code, 0)[1]
        content[sections.CODE] = (
            encode_unsigned(kept) + code[decode_unsigned(code, 0)[1] : end_of_kept]
        )
        content[sections.FUNCTION] = encode_unsigned(kept) + b"".join(
            map(encode_unsigned, module.function_types[:kept])
        )
    return entries


def _exports(module: ParsedModule, entries: Mapping[str, ThinEntry]) -> bytes:
    items = [
        encode_name(export) + b"\x00" + encode_unsigned(index)
        for export, (kind, index) in module.exports.items()
        if kind == KIND_FUNCTION and export.startswith("canister_") and export not in entries
    ]
    for function in sorted({entry.function for entry in entries.values()}):
        items.append(
            encode_name(ThinEntry(function, ()).export) + b"\x00" + encode_unsigned(function)
        )
    return b"".join((encode_unsigned(len(items)), *items))


def _initial_value(item: Global) -> bytes | None:
    """Value of a plain constant of the global's own type."""
    expression = item.expression
    try:
        if item.type in (I32, I64) and expression[0] == (0x41 if item.type == I32 else 0x42):
            value, at = decode_signed(expression, 1)
            size = 4 if item.type == I32 else 8
            raw = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        elif item.type == F32 and expression[0] == 0x43:
            raw, at = expression[1:5], 5
        elif item.type == F64 and expression[0] == 0x44:
            raw, at = expression[1:9], 9
        elif item.type == V128 and expression[:2] == b"\xfd\x0c":
            raw, at = expression[2:18], 18
        else:
            return None
    except (IndexError, MalformedModule):
        return None
    if expression[at:] != b"\x0b":
        return None
    return raw.ljust(_VALUE_SIZE, b"\0")


def _take_globals(module: ParsedModule, content: dict[int, bytes]) -> bytes | None:
    values: list[bytes] = []
    items = [encode_unsigned(len(module.globals))]
    for item in module.globals:
        expression = item.expression
        if item.mutable:
            value = _initial_value(item)
            if value is None:
                return None
            values.append(value)
            expression = _ZERO_EXPRESSIONS[item.type]
        elif len(item.encoded_type) != 1:
            return None
        items.append(item.encoded_type + bytes((item.mutable,)) + expression)
    if not values:
        return None
    content[sections.GLOBAL] = b"".join(items)
    return b"".join(values)


def _take_memory(module: ParsedModule, content: dict[int, bytes]) -> None:
    memory = module.memory
    if memory is None:
        return
    flags = (4 if memory.is_64 else 0) | (0 if memory.maximum is None else 1)
    maximum = b"" if memory.maximum is None else encode_unsigned(memory.maximum)
    content[sections.MEMORY] = b"\x01" + bytes((flags,)) + b"\x00" + maximum
