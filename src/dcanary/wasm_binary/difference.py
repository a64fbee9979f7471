"""Says where two modules differ: which sections, functions and data segments."""

from collections.abc import Iterator
from itertools import zip_longest

from dcanary.wasm_binary import leb128, sections
from dcanary.wasm_binary.leb128 import MalformedModule
from dcanary.wasm_binary.sections import Reader

_NAMES = {
    sections.CUSTOM: "custom",
    sections.TYPE: "type",
    sections.IMPORT: "import",
    sections.FUNCTION: "function",
    sections.TABLE: "table",
    sections.MEMORY: "memory",
    sections.GLOBAL: "global",
    sections.EXPORT: "export",
    sections.START: "start",
    sections.ELEMENT: "element",
    sections.CODE: "code",
    sections.DATA: "data",
    sections.DATA_COUNT: "data count",
}
MAX_NAMED = 5
"""Functions or segments that are named one by one."""


def module_difference(ours: bytes, theirs: bytes) -> list[str]:
    """A line for each section that differs, in order; empty when the modules are the same.

    Custom sections are told apart by their names. A module that cannot be parsed is compared as
    bytes.
    """
    if ours == theirs:
        return []
    try:
        here, there = _sections(ours), _sections(theirs)
    except MalformedModule as error:
        return [f"one of them is no module: {error}"]
    found = []
    for name in dict.fromkeys([*here, *there]):
        if name not in here or name not in there:
            found.append(f"section {name}: only {'here' if name in here else 'in the other'}")
        elif here[name] != there[name]:
            found.append(f"section {name}: {_sizes(here[name], there[name])}")
            found += (f"  {line}" for line in _items(name, here[name], there[name]))
    return found or ["the same sections in another order or encoding"]


def _sections(module: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for section in sections.sections(module):
        name, body = _NAMES.get(section.id, str(section.id)), section.body
        if section.id == sections.CUSTOM:
            title, at = leb128.decode_name(body, 0)
            name, body = f"custom {title!a}", body[at:]
        # Of one name there may be several custom sections.
        found[name] = found.get(name, b"") + body
    return found


def _items(name: str, ours: bytes, theirs: bytes) -> Iterator[str]:
    """Which functions or segments differ, of the sections that consist of them."""
    if name not in ("code", "data"):
        return
    what = "function" if name == "code" else "segment"
    read = _bodies if name == "code" else _segments
    try:
        pairs = list(zip_longest(read(ours), read(theirs)))
    except MalformedModule as error:
        yield f"it cannot be read: {error}"
        return
    differing = [(index, a, b) for index, (a, b) in enumerate(pairs) if a != b]
    for index, a, b in differing[:MAX_NAMED]:
        if a is None or b is None:
            yield f"{what} {index}: only {'in the other' if a is None else 'here'}"
        else:
            yield f"{what} {index}: {_sizes(a, b)}"
    if len(differing) > MAX_NAMED:
        yield f"and {len(differing) - MAX_NAMED:,} more of {len(pairs):,}"


def _bodies(body: bytes) -> list[bytes]:
    reader = Reader(body)
    return [reader.take(reader.unsigned()) for _ in range(reader.unsigned())]


def _segments(body: bytes) -> list[bytes]:
    reader, found = Reader(body), []
    for _ in range(reader.unsigned()):
        begin = reader.at
        flags = reader.unsigned()
        if flags == 2:
            reader.unsigned()
        if flags != 1:
            reader.expression()
        reader.take(reader.unsigned())
        found.append(body[begin : reader.at])
    return found


def _sizes(ours: bytes, theirs: bytes) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    if len(ours) == len(theirs):
        return f"{len(ours):,} bytes, differs from byte {at:,} on"
    return f"{len(ours):,} bytes here, {len(theirs):,} in the other, from byte {at:,} on"
