"""From template B and a prepared interpreter to the canister's module."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dcanary.wasm import _leb, _sections
from dcanary.wasm._glue import STACK_SIZE
from dcanary.wasm._interpreter import Interpreter
from dcanary.wasm._sections import Export, Import, Section
from dcanary.wasm.errors import BuildError, LimitError

CODE_LIMIT = 11 << 20
EXPORTS_LIMIT = 1000
EXPORT_NAMES_LIMIT = 20_000
FUNCTIONS_LIMIT = 50_000
GLOBALS_LIMIT = 1000
CUSTOM_SECTIONS_LIMIT = 1 << 20
MODULE_LIMIT = 100 << 20

_PAGE = 65536
_GAP = re.compile(rb"\0{24,}")
_DISPATCH = "dispatch"


def take_snapshot(
    template_b: bytes, interpreter: Interpreter, methods: Sequence[str], metadata: dict[str, bytes]
) -> bytes:
    """Seal the interpreter and return the module of the canister.

    `methods` are the names of its exported functions: number i calls the guest's dispatch(i).
    `metadata` becomes custom sections "icp:public NAME".
    Raises LimitError when the module would break a limit of the Internet Computer.
    """
    memory = interpreter.seal()
    parts = {part.id: part.body for part in _sections.sections(template_b)}
    globals_ = _sections.read_globals(parts[_sections.GLOBAL])
    present = [
        _sections.Global(row.type, True, interpreter.global_value(index)) if row.mutable else row
        for index, row in enumerate(globals_)
    ]
    stack = [index for index, row in enumerate(globals_) if row.mutable and row.value == STACK_SIZE]
    if len(stack) != 1 or present[stack[0]].value != STACK_SIZE:
        raise BuildError("the interpreter's stack is not where the snapshot expects it")
    memory = bytes(STACK_SIZE) + memory[STACK_SIZE:]  # below the stack pointer nothing counts
    segments, data = _data_section(memory)
    _add_methods(parts, methods)
    parts[_sections.IMPORT] = _rename_imports(parts[_sections.IMPORT])
    parts[_sections.MEMORY] = b"\1\0" + _leb.encode_unsigned(len(memory) // _PAGE)
    parts[_sections.GLOBAL] = _sections.write_globals(present).body
    parts[_sections.DATA] = data
    parts[_sections.DATA_COUNT] = _leb.encode_unsigned(segments)
    parts.pop(_sections.CUSTOM, None)
    order = [*range(1, 10), _sections.DATA_COUNT, _sections.CODE, _sections.DATA]
    sections = [Section(number, parts[number]) for number in order if number in parts]
    custom = [_sections.custom(f"icp:public {name}", text) for name, text in metadata.items()]
    module = _sections.join([*sections, *custom])
    _check_limits(parts, methods, len(globals_), sum(len(c.body) for c in custom), len(module))
    return module


def _data_section(memory: bytes) -> tuple[int, bytes]:
    """Return (number of segments, data section) of a memory image, without its runs of zeros."""
    pieces = []
    at = 0
    for gap in _GAP.finditer(memory):
        if gap.start() > at:
            pieces.append((at, memory[at : gap.start()]))
        at = gap.end()
    if at < len(memory):
        pieces.append((at, memory[at:]))
    rows = [
        b"\0\x41"
        + _leb.encode_signed(offset - (1 << 32) if offset >> 31 else offset)
        + b"\x0b"
        + _leb.with_length(piece)
        for offset, piece in pieces
    ]
    return len(rows), _leb.encode_unsigned(len(rows)) + b"".join(rows)


def _rename_imports(body: bytes) -> bytes:
    rows = _sections.read_imports(body)
    return _sections.write_imports(
        [Import(row.module, row.field.replace("-", "_"), row.kind, row.description) for row in rows]
    ).body


def _add_methods(parts: dict[int, bytes], methods: Sequence[str]) -> None:
    """Append one function per method, and export exactly those and the memory."""
    types = _sections.read_types(parts[_sections.TYPE])
    nothing = b"\x60\0\0"
    if nothing not in types:
        types.append(nothing)
        parts[_sections.TYPE] = _leb.encode_unsigned(len(types)) + b"".join(types)
    exports = _sections.read_exports(parts[_sections.EXPORT])
    by_name = {row.name: row for row in exports}
    imported = sum(
        row.kind == _sections.KIND_FUNCTION
        for row in _sections.read_imports(parts[_sections.IMPORT])
    )
    defined, start = _leb.decode_unsigned(parts[_sections.FUNCTION], 0)
    type_index = _leb.encode_unsigned(types.index(nothing))
    parts[_sections.FUNCTION] = (
        _leb.encode_unsigned(defined + len(methods))
        + parts[_sections.FUNCTION][start:]
        + type_index * len(methods)
    )
    call = b"\x10" + _leb.encode_unsigned(by_name[_DISPATCH].index) + b"\x0b"
    bodies = [
        _leb.with_length(b"\0\x41" + _leb.encode_signed(number) + call)
        for number in range(len(methods))
    ]
    _, start = _leb.decode_unsigned(parts[_sections.CODE], 0)
    parts[_sections.CODE] = (
        _leb.encode_unsigned(defined + len(methods))
        + parts[_sections.CODE][start:]
        + b"".join(bodies)
    )
    rows = [
        Export(name, _sections.KIND_FUNCTION, imported + defined + number)
        for number, name in enumerate(methods)
    ]
    parts[_sections.EXPORT] = _sections.write_exports([by_name["memory"], *rows]).body


def _check_limits(
    parts: dict[int, bytes], methods: Sequence[str], globals_: int, custom: int, size: int
) -> None:
    functions = _leb.decode_unsigned(parts[_sections.FUNCTION], 0)[0]
    for what, value, limit in (
        ("bytes of code", len(parts[_sections.CODE]), CODE_LIMIT),
        ("functions", functions, FUNCTIONS_LIMIT),
        ("globals", globals_, GLOBALS_LIMIT),
        ("exported methods", len(methods), EXPORTS_LIMIT),
        ("bytes of method names", sum(map(len, methods)), EXPORT_NAMES_LIMIT),
        ("bytes of metadata", custom, CUSTOM_SECTIONS_LIMIT),
        ("bytes", size, MODULE_LIMIT),
    ):
        if value > limit:
            raise LimitError(
                f"the module would have {value:,} {what}, and the Internet Computer allows "
                f"{limit:,}; make the canister smaller or split it"
            )
