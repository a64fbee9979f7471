"""Reading and writing of WebAssembly core modules at the level of sections (core spec, 5.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dcanary.wasm_binary import expressions, leb128
from dcanary.wasm_binary.leb128 import MalformedModule

HEADER = b"\0asm\1\0\0\0"

CUSTOM, TYPE, IMPORT, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, START, ELEMENT, CODE, DATA = range(
    12
)
DATA_COUNT = 12

KIND_FUNCTION, KIND_TABLE, KIND_MEMORY, KIND_GLOBAL = range(4)

I32, I64, F32, F64, V128 = 0x7F, 0x7E, 0x7D, 0x7C, 0x7B
NUMERIC_TYPES = frozenset((I32, I64, F32, F64, V128))
FUNCTION_TYPE = 0x60
_TYPED_REFERENCES = (0x63, 0x64)


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
        return leb128.decode_unsigned(self.description, 1)[0]


@dataclass(frozen=True, slots=True)
class Export:
    """One export: its name, the kind of thing, and the thing's index."""

    name: str
    kind: int
    index: int


@dataclass(frozen=True, slots=True)
class Global:
    """A global of the module: its type as encoded and its initial value, up to and with `end`."""

    encoded_type: bytes
    mutable: bool
    expression: bytes

    @classmethod
    def integer(cls, type_: int, mutable: bool, value: int) -> Global:
        """Make a global of type I32 or I64 with one constant, wrapped to the type's width.

        Raises ValueError for other types.
        """
        opcode = expressions.I32_CONST if type_ == I32 else expressions.I64_CONST
        constant = leb128.encode_signed(_wrap(value, type_))
        return cls(bytes((type_,)), mutable, bytes((opcode,)) + constant + b"\x0b")

    @property
    def type(self) -> int:
        """First byte of the type; all of it for types of numbers."""
        return self.encoded_type[0]

    @property
    def value(self) -> int:
        """Initial value, signed, of a sum of integer constants. Raises ValueError otherwise."""
        return _wrap(expressions.fold(self.expression), self.type)


class Reader:
    """A cursor over the body of a section. Reading over the end raises MalformedModule."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def byte(self) -> int:
        try:
            value = self.data[self.at]
        except IndexError:
            raise MalformedModule("the section ends early") from None
        self.at += 1
        return value

    def unsigned(self) -> int:
        value, self.at = leb128.decode_unsigned(self.data, self.at)
        return value

    def signed(self) -> int:
        value, self.at = leb128.decode_signed(self.data, self.at)
        return value

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise MalformedModule("the section ends early")
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def name(self) -> str:
        value, self.at = leb128.decode_name(self.data, self.at)
        return value

    def limits(self) -> tuple[int, int, int | None]:
        """Return (flags, minimum, maximum) of a table or memory."""
        flags = self.byte()
        minimum = self.unsigned()
        return flags, minimum, self.unsigned() if flags & 1 else None

    def expression(self) -> tuple[int | None, bytes]:
        """Return a constant expression and its value, if that is one integer constant."""
        start = self.at
        value, self.at = expressions.skip_expression(self.data, start)
        return value, self.data[start : self.at]


def ranges(module: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (number, start, end) of the content of every section of a core module.

    Raises MalformedModule when `module` is not one.
    """
    if module[:8] != HEADER:
        raise MalformedModule("not a WebAssembly core module: wrong magic number or version")
    yield from raw_ranges(module)


def raw_ranges(binary: bytes, at: int = 8) -> Iterator[tuple[int, int, int]]:
    """Yield the same of any binary laid out like a module (a component is one too)."""
    while at < len(binary):
        number = binary[at]
        size, start = leb128.decode_unsigned(binary, at + 1)
        if start + size > len(binary):
            raise MalformedModule(f"section {number} is longer than the module")
        yield number, start, start + size
        at = start + size


def sections(module: bytes) -> Iterator[Section]:
    """Yield the sections of a core module in their order. Raises MalformedModule."""
    for number, start, end in ranges(module):
        yield Section(number, module[start:end])


def raw_sections(binary: bytes, at: int = 8) -> Iterator[Section]:
    """Yield the sections of any binary laid out like a module. Raises MalformedModule."""
    for number, start, end in raw_ranges(binary, at):
        yield Section(number, binary[start:end])


def find(module: bytes, number: int) -> bytes | None:
    """Return the body of the first section with that number."""
    return next((section.body for section in sections(module) if section.id == number), None)


def join(parts: list[Section]) -> bytes:
    """Write a module from its sections."""
    return HEADER + b"".join(bytes([part.id]) + leb128.with_length(part.body) for part in parts)


def vector(items: list[bytes]) -> bytes:
    """Write a vector of encoded items: their number, then the items."""
    return leb128.encode_unsigned(len(items)) + b"".join(items)


def custom(name: str, content: bytes) -> Section:
    """Return a custom section."""
    return Section(CUSTOM, leb128.encode_name(name) + content)


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
            raise MalformedModule(f"import {module}.{field} has unknown kind {kind}")
        found.append(Import(module, field, kind, reader.data[start : reader.at]))
    return found


def write_imports(imports: list[Import]) -> Section:
    """Write an import section."""
    rows = [
        leb128.encode_name(row.module) + leb128.encode_name(row.field) + row.description
        for row in imports
    ]
    return Section(IMPORT, vector(rows))


def read_exports(body: bytes) -> list[Export]:
    """Read an export section."""
    reader = Reader(body)
    return [
        Export(reader.name(), reader.byte(), reader.unsigned()) for _ in range(reader.unsigned())
    ]


def write_exports(exports: list[Export]) -> Section:
    """Write an export section."""
    rows = [
        leb128.encode_name(row.name) + bytes([row.kind]) + leb128.encode_unsigned(row.index)
        for row in exports
    ]
    return Section(EXPORT, vector(rows))


def read_globals(body: bytes) -> list[Global]:
    """Read a global section."""
    reader = Reader(body)
    found = []
    for _ in range(reader.unsigned()):
        start = reader.at
        if reader.byte() in _TYPED_REFERENCES:
            reader.signed()
        encoded_type = reader.data[start : reader.at]
        mutable = bool(reader.byte())
        found.append(Global(encoded_type, mutable, reader.expression()[1]))
    return found


def write_globals(globals_: list[Global]) -> Section:
    """Write a global section."""
    rows = [row.encoded_type + bytes([row.mutable]) + row.expression for row in globals_]
    return Section(GLOBAL, vector(rows))


def _wrap(value: int, value_type: int) -> int:
    if value_type not in (I32, I64):
        raise ValueError(f"global of type {value_type:#x}")
    bits = 32 if value_type == I32 else 64
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def read_types(body: bytes) -> list[bytes]:
    """Return the encoded function types (0x60 included) of a type section.

    Raises MalformedModule for a type that is not a plain function of number types.
    """
    reader = Reader(body)
    found = []
    for _ in range(reader.unsigned()):
        start = reader.at
        if reader.byte() != FUNCTION_TYPE:
            raise MalformedModule("only plain function types are supported")
        reader.take(reader.unsigned())
        reader.take(reader.unsigned())
        found.append(reader.data[start : reader.at])
    return found
