"""Read the parts of a module that validation, rewriting and execution look at."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcanary.replica.engine import limits
from dcanary.replica.engine.module.binary import (
    SECTION_CODE,
    SECTION_CUSTOM,
    SECTION_DATA,
    SECTION_EXPORT,
    SECTION_FUNCTION,
    SECTION_GLOBAL,
    SECTION_IMPORT,
    SECTION_MEMORY,
    SECTION_START,
    SECTION_TABLE,
    SECTION_TYPE,
    MalformedModule,
    read_name,
    read_sleb,
    read_uleb,
    sections,
    skip_constant_expression,
)

# More than any compiler makes; a module beyond is refused before time is spent on it.
_MAX_SECTIONS = 10_000
_MAX_TYPES = 100_000
_MAX_IMPORTS = 10_000
_MAX_TABLES = 100
_MAX_EXPORTS = 100_000
_MAX_DATA_SEGMENTS = 100_000

KIND_FUNCTION, KIND_TABLE, KIND_MEMORY, KIND_GLOBAL = range(4)


@dataclass(frozen=True, slots=True)
class FunctionType:
    params: bytes
    results: bytes


@dataclass(frozen=True, slots=True)
class Import:
    module: str
    name: str
    kind: int
    type_index: int


@dataclass(frozen=True, slots=True)
class GlobalType:
    value_type: int
    mutable: bool
    encoded_type: bytes = b""
    expression: bytes = b""
    """The initial value, up to and with `end`."""


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
    wasm: bytes
    sections: list[tuple[int, int, int]] = field(default_factory=list)
    types: list[FunctionType] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    function_types: list[int] = field(default_factory=list)
    tables: list[bool] = field(default_factory=list)
    """One entry per table: whether it is indexed by i64."""
    memories: list[MemoryType] = field(default_factory=list)
    globals: list[GlobalType] = field(default_factory=list)
    exports: dict[str, tuple[int, int]] = field(default_factory=dict)
    start: int | None = None
    data: list[DataSegment] = field(default_factory=list)
    custom: list[tuple[str, bytes]] = field(default_factory=list)
    code_size: int = 0

    @property
    def memory(self) -> MemoryType | None:
        return self.memories[0] if self.memories else None

    @property
    def is_64(self) -> bool:
        """Whether pointers of the System API are i64."""
        return bool(self.memories and self.memories[0].is_64)

    @property
    def imported_functions(self) -> int:
        return sum(1 for item in self.imports if item.kind == KIND_FUNCTION)

    def mutable_globals(self) -> list[tuple[int, int]]:
        """(index, value type) of the module's own mutable globals."""
        return [(index, item.value_type) for index, item in enumerate(self.globals) if item.mutable]

    def function_type(self, index: int) -> FunctionType:
        """Type of a function by its index in the whole index space."""
        if index < self.imported_functions:
            functions = [item for item in self.imports if item.kind == KIND_FUNCTION]
            return self.types[functions[index].type_index]
        try:
            return self.types[self.function_types[index - self.imported_functions]]
        except IndexError:
            raise MalformedModule(f"function {index} does not exist") from None


def _count(data: bytes, most: int, what: str) -> tuple[int, int]:
    """Number of items of a section, and the offset behind it."""
    count, at = read_uleb(data, 0)
    if count > most:
        raise MalformedModule(f"{count} {what}, limit {most}")
    return count, at


def _limits(data: bytes, at: int) -> tuple[int, int, int | None, int]:
    flags = data[at]
    minimum, at = read_uleb(data, at + 1)
    maximum: int | None = None
    if flags & 1:
        maximum, at = read_uleb(data, at)
    return flags, minimum, maximum, at


def _types(module: ParsedModule, data: bytes) -> None:
    count, at = _count(data, _MAX_TYPES, "types")
    for _ in range(count):
        if data[at] != 0x60:
            raise MalformedModule("only plain function types are supported")
        length, at = read_uleb(data, at + 1)
        params = data[at : at + length]
        length, at = read_uleb(data, at + length)
        module.types.append(FunctionType(params, data[at : at + length]))
        at += length


def _imports(module: ParsedModule, data: bytes) -> None:
    count, at = _count(data, _MAX_IMPORTS, "imports")
    for _ in range(count):
        module_name, at = read_name(data, at)
        item_name, at = read_name(data, at)
        kind = data[at]
        at += 1
        type_index = 0
        if kind == KIND_FUNCTION:
            type_index, at = read_uleb(data, at)
        elif kind == KIND_TABLE:
            *_, at = _limits(data, at + 1)
        elif kind == KIND_MEMORY:
            *_, at = _limits(data, at)
        elif kind == KIND_GLOBAL:
            at += 2
        else:
            raise MalformedModule(f"import {module_name}.{item_name} has unknown kind {kind}")
        module.imports.append(Import(module_name, item_name, kind, type_index))


def _tables(module: ParsedModule, data: bytes) -> None:
    count, at = _count(data, _MAX_TABLES, "tables")
    for _ in range(count):
        initialised = data[at] == 0x40
        if initialised:
            at += 2
        flags, _, _, at = _limits(data, at + 1)
        module.tables.append(bool(flags & 4))
        if initialised:
            _, at = skip_constant_expression(data, at)


def _memories(module: ParsedModule, data: bytes) -> None:
    count, at = _count(data, 100, "memories")
    for _ in range(count):
        flags, minimum, maximum, at = _limits(data, at)
        module.memories.append(MemoryType(minimum, maximum, bool(flags & 4), bool(flags & 2)))


def _globals(module: ParsedModule, data: bytes) -> None:
    count, at = _count(data, limits.MAX_GLOBALS, "globals defined")
    for _ in range(count):
        first = at
        value_type = data[at]
        at += 1
        if value_type in (0x63, 0x64):
            _, at = read_sleb(data, at)
        encoded_type = data[first:at]
        mutable = data[at] == 1
        first = at + 1
        _, at = skip_constant_expression(data, first)
        module.globals.append(GlobalType(value_type, mutable, encoded_type, data[first:at]))


def _exports(module: ParsedModule, data: bytes) -> None:
    count, at = _count(data, _MAX_EXPORTS, "exports")
    for _ in range(count):
        export, at = read_name(data, at)
        kind = data[at]
        index, at = read_uleb(data, at + 1)
        module.exports[export] = (kind, index)


def _data(module: ParsedModule, data: bytes, base: int) -> None:
    count, at = _count(data, _MAX_DATA_SEGMENTS, "data segments")
    for _ in range(count):
        flags, at = read_uleb(data, at)
        if flags == 2:
            _, at = read_uleb(data, at)
        offset: int | None = None
        if flags != 1:
            offset, at = skip_constant_expression(data, at)
            if offset is None:
                raise MalformedModule("an active data segment has no constant offset")
            offset &= 0xFFFFFFFFFFFFFFFF if module.is_64 else 0xFFFFFFFF
        length, at = read_uleb(data, at)
        if at + length > len(data):
            raise MalformedModule("a data segment is longer than its section")
        module.data.append(DataSegment(offset, base + at, base + at + length))
        at += length


def parse(wasm: bytes) -> ParsedModule:
    """Parse a raw module. Raises `MalformedModule`."""
    module = ParsedModule(wasm)
    readers = {
        SECTION_TYPE: _types,
        SECTION_IMPORT: _imports,
        SECTION_TABLE: _tables,
        SECTION_MEMORY: _memories,
        SECTION_GLOBAL: _globals,
        SECTION_EXPORT: _exports,
    }
    try:
        for section, start, end in sections(wasm):
            module.sections.append((section, start, end))
            if len(module.sections) > _MAX_SECTIONS:
                raise MalformedModule(f"more than {_MAX_SECTIONS} sections")
            if section == SECTION_CODE:
                module.code_size = end - start
                continue
            content = wasm[start:end]
            if section == SECTION_CUSTOM:
                title, at = read_name(content, 0)
                module.custom.append((title, content[at:]))
            elif section == SECTION_FUNCTION:
                count, at = _count(content, limits.MAX_FUNCTIONS, "functions defined")
                for _ in range(count):
                    index, at = read_uleb(content, at)
                    module.function_types.append(index)
            elif section == SECTION_START:
                module.start, _ = read_uleb(content, 0)
            elif section == SECTION_DATA:
                _data(module, content, start)
            elif section in readers:
                readers[section](module, content)
    except IndexError:
        raise MalformedModule("the module ends too early") from None
    return module
