"""Making recursion in C visible to CPython's own limit.

CPython refuses to recurse further (RecursionError) when the C stack in linear memory runs low. On
WebAssembly that stack holds only what has an address; everything else lives on the stack of the
engine, which a module cannot measure, and some recursive functions of CPython use nothing but that.
Their recursion would end in a trap that hides the cause. So each of them gets a wrapper that takes
a piece of the C stack in proportion to what a level needs on the engine's.
"""

from __future__ import annotations

from dcanary.wasm.errors import ToolError
from dcanary.wasm_binary import leb128, sections
from dcanary.wasm_binary.sections import Reader, Section

RECURSIVE = {
    "PyObject_RichCompare": 384,
    "PyObject_Repr": 384,
    "_Py_Dealloc": 192,
    "encoder_listencode_obj": 512,
    "save": 512,
    "scan_once_unicode": 512,
}
"""Function of libpython -> bytes of C stack that one level of it takes in addition."""

_NAMES = 1  # subsection of the name section: function names


def guard_recursion(library: bytes) -> bytes:
    """Return libpython with a wrapper around every function of RECURSIVE.

    The body of the function moves to a new function at the end of the module; calls, also those of
    the function itself, keep going to the old number, which is the wrapper's now.
    """
    parts = {part.id: part.body for part in sections.sections(library) if part.id}
    imports = sections.read_imports(parts[sections.IMPORT])
    imported = sum(row.kind == sections.KIND_FUNCTION for row in imports)
    pointer = [row.field for row in imports if row.kind == sections.KIND_GLOBAL].index(
        "__stack_pointer"
    )
    types = sections.read_types(parts[sections.TYPE])
    reader = Reader(parts[sections.FUNCTION])
    declared = [reader.unsigned() for _ in range(reader.unsigned())]
    reader = Reader(parts[sections.CODE])
    bodies = [reader.take(reader.unsigned()) for _ in range(reader.unsigned())]
    names = _function_names(library)
    for name, size in RECURSIVE.items():
        if name not in names:
            raise ToolError(f"the interpreter has no function {name}; componentize-py has changed")
        at = names[name] - imported
        inner = imported + len(bodies)
        parameters = leb128.decode_unsigned(types[declared[at]], 1)[0]
        bodies.append(bodies[at])
        declared.append(declared[at])
        bodies[at] = _wrapper(parameters, inner, pointer, size)
    parts[sections.FUNCTION] = _vector([leb128.encode_unsigned(index) for index in declared])
    parts[sections.CODE] = _vector([leb128.with_length(body) for body in bodies])
    result = []
    for part in sections.sections(library):
        result.append(Section(part.id, parts[part.id]) if part.id else part)
    return sections.join(result)


def _wrapper(parameters: int, inner: int, pointer: int, size: int) -> bytes:
    """Return a body that moves the stack pointer down by `size` around a call of `inner`."""
    get_pointer = b"\x23" + leb128.encode_unsigned(pointer)
    set_pointer = b"\x24" + leb128.encode_unsigned(pointer)
    old = leb128.encode_unsigned(parameters)
    arguments = b"".join(b"\x20" + leb128.encode_unsigned(index) for index in range(parameters))
    return (
        b"\x01\x01\x7f"  # one local of type i32
        + get_pointer
        + b"\x22"  # local.tee
        + old
        + b"\x41"  # i32.const
        + leb128.encode_signed(size)
        + b"\x6b"  # i32.sub
        + set_pointer
        + arguments
        + b"\x10"  # call
        + leb128.encode_unsigned(inner)
        + b"\x20"  # local.get
        + old
        + set_pointer
        + b"\x0b"  # end
    )


def _vector(items: list[bytes]) -> bytes:
    return leb128.encode_unsigned(len(items)) + b"".join(items)


def _function_names(module: bytes) -> dict[str, int]:
    """Return the numbers of the functions that have a unique name in the name section."""
    found: dict[str, int] = {}
    twice = set()
    for part in sections.sections(module):
        if part.id != sections.CUSTOM:
            continue
        reader = Reader(part.body)
        if reader.name() != "name":
            continue
        while reader.at < len(part.body):
            kind, content = reader.byte(), reader.take(reader.unsigned())
            if kind == _NAMES:
                rows = Reader(content)
                for _ in range(rows.unsigned()):
                    number, name = rows.unsigned(), rows.name()
                    if name in found:
                        twice.add(name)
                    found[name] = number
    return {name: number for name, number in found.items() if name not in twice}
