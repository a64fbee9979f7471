"""Reading and writing of WebAssembly core modules at the level of sections (core spec, 5.5).

Function bodies are never looked into: everything the build changes lives in the other sections.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dcanary.wasm import _leb

HEADER = b"\0asm\1\0\0\0"

CUSTOM, TYPE, IMPORT, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, START, ELEMENT, CODE, DATA = range(
    12
)
DATA_COUNT = 12

KIND_FUNCTION, KIND_TABLE, KIND_MEMORY, KIND_GLOBAL = range(4)

I32, I64 = 0x7F, 0x7E


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its number and its content without number and length."""

    id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Import:
    """One import: two names, the kind of thing, and its encoded description (kind included)."""

    module: str
    field: str
    kind: int
    description: bytes

    @property
    def type_index(self) -> int:
        """Index of the type of an imported function."""
        return _leb.decode_unsigned(self.description, 1)[0]


@dataclass(frozen=True, slots=True)
class Export:
    """One export: its name, the kind of thing, and the thing's index."""

    name: str
    kind: int
    index: int


@dataclass(frozen=True, slots=True)
class Global:
    """A global with a constant initialiser. `value` is signed, or the bits of a float."""

    type: int
    mutable: bool
    value: int


class Reader:
    """A cursor over the body of a section."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def byte(self) -> int:
        value = self.data[self.at]
        self.at += 1
        return value

    def unsigned(self) -> int:
        value, self.at = _leb.decode_unsigned(self.data, self.at)
        return value

    def signed(self) -> int:
        value, self.at = _leb.decode_signed(self.data, self.at)
        return value

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise ValueError("the section ends early")
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def name(self) -> str:
        return self.take(self.unsigned()).decode()

    def limits(self) -> None:
        """Step over the limits of a table or memory."""
        flags = self.byte()
        self.unsigned()
        if flags & 1:
            self.unsigned()


def sections(module: bytes) -> Iterator[Section]:
    """Yield the sections of a core module in their order.

    Raises ValueError when `module` is not one.
    """
    if module[:8] != HEADER:
        raise ValueError("not a WebAssembly core module")
    yield from raw_sections(module)


def raw_sections(binary: bytes, at: int = 8) -> Iterator[Section]:
    """Yield the sections of any binary laid out like a module (a component is one too)."""
    while at < len(binary):
        number = binary[at]
        size, start = _leb.decode_unsigned(binary, at + 1)
        if start + size > len(binary):
            raise ValueError("a section is longer than the module")
        yield Section(number, binary[start : start + size])
        at = start + size


def find(module: bytes, number: int) -> bytes | None:
    """Return the body of the first section with that number."""
    return next((section.body for section in sections(module) if section.id == number), None)


def join(parts: list[Section]) -> bytes:
    """Write a module from its sections."""
    return HEADER + b"".join(bytes([part.id]) + _leb.with_length(part.body) for part in parts)


def custom(name: str, content: bytes) -> Section:
    """Return a custom section."""
    return Section(CUSTOM, _leb.name(name) + content)


def read_imports(body: bytes) -> list[Import]:
    """Read an import section."""
    reader = Reader(body)
    found = []
    for _ in range(reader.unsigned()):
        module, field, start = reader.name(), reader.name(), reader.at
        kind = reader.byte()
        if kind == KIND_FUNCTION:
            reader.unsigned()
        elif kind == KIND_TABLE:
            reader.byte()
            reader.limits()
        elif kind == KIND_MEMORY:
            reader.limits()
        elif kind == KIND_GLOBAL:
            reader.take(2)
        else:
            raise ValueError(f"import of unknown kind {kind}")
        found.append(Import(module, field, kind, reader.data[start : reader.at]))
    return found


def write_imports(imports: list[Import]) -> Section:
    """Write an import section."""
    rows = [_leb.name(row.module) + _leb.name(row.field) + row.description for row in imports]
    return Section(IMPORT, _leb.encode_unsigned(len(rows)) + b"".join(rows))


def read_exports(body: bytes) -> list[Export]:
    """Read an export section."""
    reader = Reader(body)
    return [
        Export(reader.name(), reader.byte(), reader.unsigned()) for _ in range(reader.unsigned())
    ]


def write_exports(exports: list[Export]) -> Section:
    """Write an export section."""
    rows = [
        _leb.name(row.name) + bytes([row.kind]) + _leb.encode_unsigned(row.index) for row in exports
    ]
    return Section(EXPORT, _leb.encode_unsigned(len(rows)) + b"".join(rows))


def read_globals(body: bytes) -> list[Global]:
    """Read a global section, folding sums of constants (extended-const) into one constant.

    Raises ValueError for an initialiser that is not made of integer constants and additions.
    """
    reader = Reader(body)
    found = []
    for _ in range(reader.unsigned()):
        value_type, mutable = reader.byte(), bool(reader.byte())
        stack: list[int] = []
        while (opcode := reader.byte()) != 0x0B:
            if opcode in (0x41, 0x42):  # i32.const, i64.const
                stack.append(reader.signed())
            elif opcode in (0x6A, 0x7C):  # i32.add, i64.add
                stack.append(stack.pop() + stack.pop())
            else:
                raise ValueError(f"global initialiser with opcode {opcode:#x}")
        found.append(Global(value_type, mutable, _wrap(stack[-1], value_type)))
    return found


def write_globals(globals_: list[Global]) -> Section:
    """Write a global section in which every initialiser is one constant."""
    rows = [
        bytes([row.type, row.mutable, 0x41 if row.type == I32 else 0x42])
        + _leb.encode_signed(_wrap(row.value, row.type))
        + b"\x0b"
        for row in globals_
    ]
    return Section(GLOBAL, _leb.encode_unsigned(len(rows)) + b"".join(rows))


def _wrap(value: int, value_type: int) -> int:
    if value_type not in (I32, I64):
        raise ValueError(f"global of type {value_type:#x}")
    bits = 32 if value_type == I32 else 64
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def read_types(body: bytes) -> list[bytes]:
    """Return the encoded function types (0x60 included) of a type section.

    Raises ValueError for a type that is not a plain function of number types.
    """
    reader = Reader(body)
    found = []
    for _ in range(reader.unsigned()):
        start = reader.at
        if reader.byte() != 0x60:
            raise ValueError("a type that is not a function type")
        reader.take(reader.unsigned())
        reader.take(reader.unsigned())
        found.append(reader.data[start : reader.at])
    return found
