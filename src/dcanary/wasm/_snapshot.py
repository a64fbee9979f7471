"""From template B and a prepared interpreter to the canister's module."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dcanary.wasm._glue import STACK_SIZE
from dcanary.wasm._interpreter import Interpreter
from dcanary.wasm.errors import BuildError, LimitError
from dcanary.wasm_binary import leb128, sections
from dcanary.wasm_binary.sections import Export, Global, Import, Section

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
    parts = {part.id: part.body for part in sections.sections(template_b)}
    globals_ = sections.read_globals(parts[sections.GLOBAL])
    present = [
        Global.integer(
            row.type, row.mutable, interpreter.global_value(index) if row.mutable else row.value
        )
        for index, row in enumerate(globals_)
    ]
    stack = [index for index, row in enumerate(globals_) if row.mutable and row.value == STACK_SIZE]
    if len(stack) != 1 or present[stack[0]].value != STACK_SIZE:
        raise BuildError("the interpreter's stack is not where the snapshot expects it")
    memory = bytes(STACK_SIZE) + memory[STACK_SIZE:]  # below the stack pointer nothing counts
    segments, data = data_section(memory)
    _add_methods(parts, methods)
    parts[sections.IMPORT] = _rename_imports(parts[sections.IMPORT])
    parts[sections.MEMORY] = b"\1\0" + leb128.encode_unsigned(len(memory) // _PAGE)
    parts[sections.GLOBAL] = sections.write_globals(present).body
    parts[sections.DATA] = data
    parts[sections.DATA_COUNT] = leb128.encode_unsigned(segments)
    parts.pop(sections.CUSTOM, None)
    order = [*range(1, 10), sections.DATA_COUNT, sections.CODE, sections.DATA]
    kept = [Section(number, parts[number]) for number in order if number in parts]
    custom = [sections.custom(f"icp:public {name}", text) for name, text in metadata.items()]
    module = sections.join([*kept, *custom])
    _check_limits(parts, methods, len(globals_), sum(len(c.body) for c in custom), len(module))
    return module


def data_section(memory: bytes) -> tuple[int, bytes]:
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
        + leb128.encode_signed(offset - (1 << 32) if offset >> 31 else offset)
        + b"\x0b"
        + leb128.with_length(piece)
        for offset, piece in pieces
    ]
    return len(rows), leb128.encode_unsigned(len(rows)) + b"".join(rows)


def _rename_imports(body: bytes) -> bytes:
    rows = sections.read_imports(body)
    return sections.write_imports(
        [Import(row.module, row.field.replace("-", "_"), row.kind, row.description) for row in rows]
    ).body


def _add_methods(parts: dict[int, bytes], methods: Sequence[str]) -> None:
    """Append one function per method, and export exactly those and the memory."""
    types = sections.read_types(parts[sections.TYPE])
    nothing = b"\x60\0\0"
    if nothing not in types:
        types.append(nothing)
        parts[sections.TYPE] = leb128.encode_unsigned(len(types)) + b"".join(types)
    exports = sections.read_exports(parts[sections.EXPORT])
    by_name = {row.name: row for row in exports}
    imported = sum(
        row.kind == sections.KIND_FUNCTION for row in sections.read_imports(parts[sections.IMPORT])
    )
    defined, start = leb128.decode_unsigned(parts[sections.FUNCTION], 0)
    type_index = leb128.encode_unsigned(types.index(nothing))
    parts[sections.FUNCTION] = (
        leb128.encode_unsigned(defined + len(methods))
        + parts[sections.FUNCTION][start:]
        + type_index * len(methods)
    )
    call = b"\x10" + leb128.encode_unsigned(by_name[_DISPATCH].index) + b"\x0b"
    bodies = [
        leb128.with_length(b"\0\x41" + leb128.encode_signed(number) + call)
        for number in range(len(methods))
    ]
    _, start = leb128.decode_unsigned(parts[sections.CODE], 0)
    parts[sections.CODE] = (
        leb128.encode_unsigned(defined + len(methods))
        + parts[sections.CODE][start:]
        + b"".join(bodies)
    )
    rows = [
        Export(name, sections.KIND_FUNCTION, imported + defined + number)
        for number, name in enumerate(methods)
    ]
    parts[sections.EXPORT] = sections.write_exports([by_name["memory"], *rows]).body


def _check_limits(
    parts: dict[int, bytes], methods: Sequence[str], globals_: int, custom: int, size: int
) -> None:
    functions = leb128.decode_unsigned(parts[sections.FUNCTION], 0)[0]
    for what, value, limit in (
        ("bytes of code", len(parts[sections.CODE]), CODE_LIMIT),
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
