"""A module with the parts parsed that validation, rewriting and execution look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dcanary.wasm_binary import leb128, sections
from dcanary.wasm_binary.leb128 import MalformedModule
from dcanary.wasm_binary.sections import KIND_FUNCTION, Global, Import, Reader

# More than any compiler makes; a module beyond is refused before time is spent on it.
MAX_SECTIONS = 10_000
_MOST = {
    sections.TYPE: (100_000, "types"),
    sections.IMPORT: (10_000, "imports"),
    sections.FUNCTION: (1_000_000, "functions defined"),
    sections.TABLE: (100, "tables"),
    sections.MEMORY: (100, "memories"),
    sections.GLOBAL: (100_000, "globals defined"),
    sections.EXPORT: (100_000, "exports"),
    sections.DATA: (100_000, "data segments"),
}
_WITH_EXPRESSION = 0x40
_INDEXED_BY_64, _SHARED = 4, 2
_ACTIVE_WITH_INDEX, _PASSIVE = 2, 1


@dataclass(frozen=True, slots=True)
class FunctionType:
    """Encoded types of parameters and results, one byte each."""

    params: bytes
    results: bytes

    @classmethod
    def decode(cls, encoded: bytes) -> FunctionType:
        """Parse a type as `sections.read_types` returns it."""
        reader = Reader(encoded, 1)
        return cls(reader.take(reader.unsigned()), reader.take(reader.unsigned()))

    def encode(self) -> bytes:
        """Return the type as it stands in the type section."""
        return (
            bytes((sections.FUNCTION_TYPE,))
            + leb128.with_length(self.params)
            + leb128.with_length(self.results)
        )


@dataclass(frozen=True, slots=True)
class MemoryType:
    """Sizes in 64 KiB pages."""

    minimum: int
    maximum: int | None
    is_64: bool
    shared: bool


@dataclass(frozen=True, slots=True)
class DataSegment:
    """`offset` is None for a passive segment; the content is wasm[start:end]."""

    offset: int | None
    start: int
    end: int


@dataclass(slots=True)
class ParsedModule:
    """A module and what its sections, except code and elements, say."""

    wasm: bytes
    sections: list[tuple[int, int, int]] = field(default_factory=list)
    """(number, start, end) of every section's content."""
    types: list[FunctionType] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    function_types: list[int] = field(default_factory=list)
    tables: list[bool] = field(default_factory=list)
    """One entry per table: whether it is indexed by i64."""
    memories: list[MemoryType] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)
    exports: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Name -> (kind, index)."""
    start: int | None = None
    data: list[DataSegment] = field(default_factory=list)
    custom: list[tuple[str, bytes]] = field(default_factory=list)
    code_size: int = 0

    @property
    def memory(self) -> MemoryType | None:
        """The first memory."""
        return self.memories[0] if self.memories else None

    @property
    def is_64(self) -> bool:
        """Whether addresses in the first memory are i64."""
        return bool(self.memories and self.memories[0].is_64)

    @property
    def imported_functions(self) -> int:
        """Number of imported functions."""
        return sum(1 for item in self.imports if item.kind == KIND_FUNCTION)

    def mutable_globals(self) -> list[tuple[int, int]]:
        """Return (index, value type) of the module's own mutable globals."""
        return [(index, item.type) for index, item in enumerate(self.globals) if item.mutable]

    def function_type(self, index: int) -> FunctionType:
        """Return the type of a function by its index in the whole index space.

        Raises MalformedModule when there is none.
        """
        if index < self.imported_functions:
            functions = [item for item in self.imports if item.kind == KIND_FUNCTION]
            return self.types[functions[index].type_index]
        try:
            return self.types[self.function_types[index - self.imported_functions]]
        except IndexError:
            raise MalformedModule(f"function {index} does not exist") from None


def _types(module: ParsedModule, body: bytes) -> None:
    module.types += map(FunctionType.decode, sections.read_types(body))


def _imports(module: ParsedModule, body: bytes) -> None:
    module.imports += sections.read_imports(body)


def _functions(module: ParsedModule, body: bytes) -> None:
    reader = Reader(body)
    module.function_types += [reader.unsigned() for _ in range(reader.unsigned())]


def _tables(module: ParsedModule, body: bytes) -> None:
    reader = Reader(body)
    for _ in range(reader.unsigned()):
        initialised = reader.byte() == _WITH_EXPRESSION
        if initialised:
            reader.take(2)
        flags, _, _ = reader.limits()
        module.tables.append(bool(flags & _INDEXED_BY_64))
        if initialised:
            reader.expression()


def _memories(module: ParsedModule, body: bytes) -> None:
    reader = Reader(body)
    for _ in range(reader.unsigned()):
        flags, minimum, maximum = reader.limits()
        is_64, shared = bool(flags & _INDEXED_BY_64), bool(flags & _SHARED)
        module.memories.append(MemoryType(minimum, maximum, is_64, shared))


def _globals(module: ParsedModule, body: bytes) -> None:
    module.globals += sections.read_globals(body)


def _exports(module: ParsedModule, body: bytes) -> None:
    for row in sections.read_exports(body):
        module.exports[row.name] = (row.kind, row.index)


def _start(module: ParsedModule, body: bytes) -> None:
    module.start = Reader(body).unsigned()


def _custom(module: ParsedModule, body: bytes) -> None:
    title, at = leb128.decode_name(body, 0)
    module.custom.append((title, body[at:]))


def _data(module: ParsedModule, body: bytes, base: int) -> None:
    reader = Reader(body)
    for _ in range(reader.unsigned()):
        flags = reader.unsigned()
        if flags == _ACTIVE_WITH_INDEX:
            reader.unsigned()
        offset: int | None = None
        if flags != _PASSIVE:
            offset, _ = reader.expression()
            if offset is None:
                raise MalformedModule("an active data segment has no constant offset")
            offset &= 0xFFFFFFFFFFFFFFFF if module.is_64 else 0xFFFFFFFF
        length = reader.unsigned()
        start = reader.at
        if start + length > len(body):
            raise MalformedModule("a data segment is longer than its section")
        module.data.append(DataSegment(offset, base + start, base + start + length))
        reader.at = start + length


_READERS: dict[int, Callable[[ParsedModule, bytes], None]] = {
    sections.CUSTOM: _custom,
    sections.TYPE: _types,
    sections.IMPORT: _imports,
    sections.FUNCTION: _functions,
    sections.TABLE: _tables,
    sections.MEMORY: _memories,
    sections.GLOBAL: _globals,
    sections.EXPORT: _exports,
    sections.START: _start,
}


def parse(wasm: bytes, most: Mapping[int, int] | None = None) -> ParsedModule:
    """Parse a core module. Raises MalformedModule.

    `most` has stricter limits for numbers of items by section number.
    """
    stricter = most or {}
    module = ParsedModule(wasm)
    for number, start, end in sections.ranges(wasm):
        module.sections.append((number, start, end))
        if len(module.sections) > MAX_SECTIONS:
            raise MalformedModule(f"more than {MAX_SECTIONS} sections")
        if number == sections.CODE:
            module.code_size = end - start
            continue
        if number in _MOST:
            limit, what = _MOST[number]
            limit = min(limit, stricter.get(number, limit))
            count, _ = leb128.decode_unsigned(wasm, start)
            if count > limit:
                raise MalformedModule(f"{count} {what}, limit {limit}")
        if number == sections.DATA:
            _data(module, wasm[start:end], start)
        elif number in _READERS:
            _READERS[number](module, wasm[start:end])
    return module
