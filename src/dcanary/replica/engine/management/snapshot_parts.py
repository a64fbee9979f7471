"""The contents of snapshots: values of globals, and memories that are uploaded in slices."""

from __future__ import annotations

import struct
from typing import Any

from dcanary.replica.engine.core import Core
from dcanary.replica.engine.management.context import invalid, refused
from dcanary.replica.state.records import Slice, Snapshot, Uploaded

SLOT = 16
"""Bytes of one global in a snapshot, little-endian, as the virtual machine keeps them."""
_KINDS = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
"""Value types (WebAssembly, "Number types" and "Vector types")."""
_FORMATS = {"i32": "<i", "i64": "<q", "f32": "<f", "f64": "<d"}
MEMORIES = ("wasm_module", "wasm_memory", "stable_memory")


def global_kinds(types: list[tuple[int, int]]) -> list[str]:
    """Names of the types of a module's mutable globals. Raises CallError for references."""
    names = [_KINDS.get(kind, "") for _, kind in types]
    if not all(names):
        raise refused("a mutable global of the module holds a reference, which cannot be copied")
    return names


def decode_globals(kinds: list[str], values: bytes) -> list[dict[str, Any]]:
    """The values as Candid variants; none when the module never ran."""
    if not values:
        return []
    found: list[dict[str, Any]] = []
    for index, kind in enumerate(kinds):
        slot = values[index * SLOT : (index + 1) * SLOT]
        if kind == "v128":
            found.append({kind: int.from_bytes(slot, "little")})
        else:
            form = _FORMATS[kind]
            found.append({kind: struct.unpack(form, slot[: struct.calcsize(form)])[0]})
    return found


def encode_globals(given: list[dict[str, Any]]) -> tuple[list[str], bytes]:
    """Types and values of globals from their Candid variants. Raises CallError."""
    kinds, slots = [], []
    for one in given:
        ((kind, value),) = one.items()
        kinds.append(kind)
        if kind == "v128":
            if value >> (8 * SLOT):
                raise invalid("a v128 global has more than 128 bits")
            slots.append(value.to_bytes(SLOT, "little"))
        else:
            slots.append(struct.pack(_FORMATS[kind], value).ljust(SLOT, b"\0"))
    return kinds, b"".join(slots)


def add_slice(core: Core, snapshot: Snapshot, memory: str, offset: int, content: bytes) -> None:
    """Note a slice of an uploaded memory. Raises CallError when it does not fit."""
    part = snapshot.parts.get(memory)
    if part is None:
        raise refused(f"snapshot {snapshot.id.hex()} is whole: nothing can be uploaded into it")
    if offset + len(content) > part.size:
        raise invalid(
            f"bytes {offset} to {offset + len(content)} are outside of the {memory} of "
            f"{part.size} bytes"
        )
    part.slices.append(Slice(offset, core.blobs.put(content)))


def assemble(core: Core, snapshot: Snapshot) -> None:
    """Make an uploaded snapshot whole. Raises CallError when its module is not valid, or when its
    globals are not those of the module."""
    if not snapshot.parts:
        return
    wasm, heap, stable = (_image(core, snapshot.parts[memory]) for memory in MEMORIES)
    module = core.runtime.compiler.module(wasm)
    expected = global_kinds(module.parsed.mutable_globals())
    if snapshot.globals and snapshot.global_types != expected:
        raise refused(
            f"the snapshot has globals of the types {', '.join(snapshot.global_types)}, its module "
            f"of the types {', '.join(expected) or 'none'}"
        )
    snapshot.module = core.blobs.put(wasm)
    snapshot.heap = core.blobs.put(heap)
    snapshot.stable = core.blobs.put(stable)
    snapshot.parts.clear()


def _image(core: Core, part: Uploaded) -> bytes:
    image = bytearray(part.size)
    for one in part.slices:
        content = core.blobs.get(one.content)
        image[one.offset : one.offset + len(content)] = content
    return bytes(image)
