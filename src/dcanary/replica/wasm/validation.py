"""The Internet Computer's own rules for modules (WebAssembly's rules are checked by wasmtime).

Source: interface specification, "Canister module format" and "Entry points".
"""

from __future__ import annotations

import zlib

from dcanary.replica.state import limits
from dcanary.replica.state.errors import InvalidWasm
from dcanary.replica.wasm import ic0
from dcanary.wasm_binary import sections
from dcanary.wasm_binary.leb128 import MalformedModule
from dcanary.wasm_binary.module import ParsedModule, parse
from dcanary.wasm_binary.sections import (
    HEADER,
    KIND_FUNCTION,
    KIND_GLOBAL,
    KIND_MEMORY,
    KIND_TABLE,
    NUMERIC_TYPES,
)

_MOST = {sections.FUNCTION: limits.MAX_FUNCTIONS, sections.GLOBAL: limits.MAX_GLOBALS}
METHOD_PREFIXES = ("canister_update ", "canister_query ", "canister_composite_query ")
SYSTEM_ENTRY_POINTS = frozenset(
    (
        "canister_init",
        "canister_inspect_message",
        "canister_heartbeat",
        "canister_global_timer",
        "canister_on_low_wasm_memory",
        "canister_pre_upgrade",
        "canister_post_upgrade",
    )
)


def decompress(module: bytes) -> bytes:
    """The raw module of raw or gzip-compressed bytes. Raises `InvalidWasm`."""
    if module[:4] == HEADER[:4]:
        raw = module
    elif module[:2] == b"\x1f\x8b":
        inflate = zlib.decompressobj(wbits=31)
        try:
            raw = inflate.decompress(module, limits.MAX_WASM_SIZE + 1)
        except zlib.error as error:
            raise InvalidWasm(f"gzip decoding failed: {error}") from None
        if len(raw) <= limits.MAX_WASM_SIZE and not inflate.eof:
            raise InvalidWasm("gzip data is truncated")
    else:
        raise InvalidWasm("the bytes are neither a WebAssembly module nor gzip")
    if len(raw) > limits.MAX_WASM_SIZE:
        raise InvalidWasm(f"larger than {limits.MAX_WASM_SIZE} bytes after decompression")
    return raw


def load(module: bytes) -> ParsedModule:
    """Decompress, parse and check a canister module. Raises `InvalidWasm`."""
    raw = decompress(module)
    try:
        parsed = parse(raw, _MOST)
    except MalformedModule as error:
        raise InvalidWasm(str(error)) from None
    _check_sizes(parsed)
    _check_imports(parsed)
    _check_memory(parsed)
    try:
        _check_exports(parsed)
    except MalformedModule as error:
        raise InvalidWasm(str(error)) from None
    _check_custom_sections(parsed)
    return parsed


def _check_sizes(module: ParsedModule) -> None:
    if module.code_size > limits.MAX_CODE_SECTION:
        raise InvalidWasm(
            f"code section of {module.code_size} bytes, limit {limits.MAX_CODE_SECTION}"
        )
    for index, item in enumerate(module.globals):
        if item.mutable and item.type not in NUMERIC_TYPES:
            raise InvalidWasm(f"global {index} is a mutable reference, which is not supported")


def _check_imports(module: ParsedModule) -> None:
    known = ic0.SIGNATURES_64 if module.is_64 else ic0.SIGNATURES_32
    for item in module.imports:
        where = f"import {item.module}.{item.field}"
        if item.module != "ic0":
            raise InvalidWasm(f"{where}: only functions of module ic0 can be imported")
        if item.kind != KIND_FUNCTION:
            raise InvalidWasm(f"{where}: only functions can be imported")
        expected = known.get(item.field)
        if expected is None:
            raise InvalidWasm(f"{where}: no such System API function")
        if item.type_index >= len(module.types):
            raise InvalidWasm(f"{where}: unknown type {item.type_index}")
        actual = module.types[item.type_index]
        if (actual.params, actual.results) != (expected.params, expected.results):
            raise InvalidWasm(f"{where}: wrong type")


def _check_memory(module: ParsedModule) -> None:
    if len(module.memories) > 1:
        raise InvalidWasm("only one memory is allowed")
    memory = module.memory
    if memory is None:
        if any(segment.offset is not None for segment in module.data):
            raise InvalidWasm("data segments without a memory")
        return
    if memory.shared:
        raise InvalidWasm("shared memories are not allowed")
    size = memory.minimum * limits.WASM_PAGE
    most = limits.MAX_HEAP_64 if memory.is_64 else limits.MAX_HEAP_32
    if size > most:
        raise InvalidWasm(f"initial memory of {size} bytes, limit {most}")
    for index, segment in enumerate(module.data):
        if segment.offset is not None and segment.offset + segment.end - segment.start > size:
            raise InvalidWasm(f"data segment {index} lies outside of the initial memory")


def _check_exports(module: ParsedModule) -> None:
    totals = {
        KIND_FUNCTION: module.imported_functions + len(module.function_types),
        KIND_TABLE: len(module.tables),
        KIND_MEMORY: len(module.memories),
        KIND_GLOBAL: len(module.globals),
    }
    methods: dict[str, str] = {}
    for export, (kind, index) in module.exports.items():
        if export.startswith("#") or export == "canister_start":
            raise InvalidWasm(f"export name `{export}` is reserved")
        if index >= totals.get(kind, 0):
            raise InvalidWasm(f"export `{export}` refers to something that does not exist")
        if kind == KIND_MEMORY or not export.startswith("canister_"):
            continue
        prefix = next((p for p in METHOD_PREFIXES if export.startswith(p)), None)
        if prefix is None:
            if export not in SYSTEM_ENTRY_POINTS:
                raise InvalidWasm(f"exports unknown entry point `{export}`")
        else:
            method = export[len(prefix) :]
            if method in methods:
                raise InvalidWasm(f"method `{method}` is exported more than once")
            methods[method] = prefix
        if kind != KIND_FUNCTION:
            raise InvalidWasm(f"export `{export}` is not a function")
        actual = module.function_type(index)
        if actual.params or actual.results:
            raise InvalidWasm(f"entry point `{export}` must have type () -> ()")
    if len(methods) > limits.MAX_EXPORTED_METHODS:
        raise InvalidWasm(f"{len(methods)} methods exported, limit {limits.MAX_EXPORTED_METHODS}")
    total = sum(len(method.encode()) for method in methods)
    if total > limits.MAX_METHOD_NAMES_SIZE:
        raise InvalidWasm(
            f"method names sum up to {total} bytes, limit {limits.MAX_METHOD_NAMES_SIZE}"
        )
    if module.start is not None:
        start = module.function_type(module.start)
        if start.params or start.results:
            raise InvalidWasm("the start function must have type () -> ()")


def _check_custom_sections(module: ParsedModule) -> None:
    sections = metadata_sections(module)
    if len(sections) > limits.MAX_ICP_SECTIONS:
        raise InvalidWasm(f"{len(sections)} icp custom sections, limit {limits.MAX_ICP_SECTIONS}")
    total = sum(len(title) + len(content) for title, content in sections)
    if total > limits.MAX_ICP_SECTIONS_SIZE:
        raise InvalidWasm(
            f"icp custom sections of {total} bytes, limit {limits.MAX_ICP_SECTIONS_SIZE}"
        )
    names = [title.partition(" ")[2] for title, _ in sections]
    for title in names:
        if names.count(title) > 1:
            raise InvalidWasm(f"custom section `{title}` appears more than once")


def metadata_sections(module: ParsedModule) -> list[tuple[str, bytes]]:
    """Custom sections named `icp:public NAME` or `icp:private NAME`."""
    return [
        (title, content)
        for title, content in module.custom
        if title.startswith(("icp:public ", "icp:private "))
    ]
