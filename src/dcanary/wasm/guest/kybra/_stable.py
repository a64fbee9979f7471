"""Stable memory as blocks: who owns which bytes.

Page 0 is the header; everything after it are blocks of fixed size classes (64 bytes, 96, 128, 192,
256 …), taken from free lists or from the end. All maps of a canister share the blocks, so that
small maps stay small.

| offset | what |
|---|---|
| 0 | magic `DCANSTM1` |
| 8 | u64 end of the used blocks |
| 64 | u64 first free block of each of the size classes |
| 1024 | 256 entries of 128 bytes, one per memory_id: see `MapEntry` |

Numbers are little-endian. The heap keeps a copy of what it read; heap and stable memory are rolled
back together when a message traps, and an upgrade starts with an empty heap, so the copy is never
stale.
"""

from __future__ import annotations

import struct
from binascii import crc32

import _ic  # type: ignore[import-not-found]

from ._errors import Error, StableMemoryCorrupt
from ._runtime import state

PAGE = 65_536
MAGIC = b"DCANSTM1"
CLASSES = 42
"""Size classes; the largest is 96 MiB."""
NODE_SIZE = 4_096
_FREE = b"FREEBLOK"
_LISTS = 64
_ENTRIES = 1_024
_ENTRY_SIZE = 128
_ENTRY = struct.Struct("<4sIQQIII")
_ENTRY_MAGIC = b"MAP1"
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


def class_of(size: int) -> int:
    """The smallest size class that holds `size` bytes."""
    if size <= 64:
        return 0
    bits = (size - 1).bit_length()
    if size <= 3 << (bits - 2):
        return 2 * bits - 13
    return 2 * bits - 12


def class_size(number: int) -> int:
    return (96 if number & 1 else 64) << (number >> 1)


def damaged(text: str) -> StableMemoryCorrupt:
    """Trap: nothing may catch this and go on with a memory that is half changed."""
    _ic.trap(f"stable memory is not as StableBTreeMap left it: {text}")
    return StableMemoryCorrupt(text)


def no_room(text: str) -> Error:
    """Trap, for the same reason: the change that needs room may be half done."""
    _ic.trap(text)
    return Error(text)


class MapEntry:
    """The directory's record of one map: its tree and its types."""

    __slots__ = ("count", "height", "key_schema", "memory_id", "root", "value_schema")

    def __init__(self, memory_id: int) -> None:
        self.memory_id = memory_id
        self.root = 0
        """Address of the root node; 0 when the map is empty."""
        self.count = 0
        self.height = 0
        """Levels of inner nodes above the leaves."""
        self.key_schema = 0
        self.value_schema = 0


class Stable:
    """The blocks of this canister's stable memory. Get it with `opened` or `created`."""

    def __init__(self) -> None:
        self.pages = 0
        self.end = 0
        self.free = [0] * CLASSES
        self.entries: dict[int, MapEntry | None] = {}
        self.schemas: dict[int, bytes] = {}

    def allocate(self, size: int) -> tuple[int, int]:
        """A block of at least `size` bytes: (address, size class)."""
        number = class_of(size)
        if number >= CLASSES:
            raise Error(f"{size} bytes are too many for one entry of a stable map")
        address = self.free[number]
        if address:
            block = self.read(address, 16)
            if block[:8] != _FREE:
                raise damaged(f"the free block at {address} was written over")
            self._set_free(number, _U64.unpack_from(block, 8)[0])
            return address, number
        address = self.end
        end = address + class_size(number)
        self._reach(end)
        self.end = end
        _ic.stable_write(8, _U64.pack(end))
        return address, number

    def release(self, address: int, number: int) -> None:
        """Give a block back."""
        _ic.stable_write(address, _FREE + _U64.pack(self.free[number]))
        self._set_free(number, address)

    def _set_free(self, number: int, address: int) -> None:
        self.free[number] = address
        _ic.stable_write(_LISTS + 8 * number, _U64.pack(address))

    def _reach(self, end: int) -> None:
        pages = -(-end // PAGE)
        if pages > self.pages:
            if _ic.stable_grow(pages - self.pages) < 0:
                raise no_room(
                    f"stable memory cannot grow to {pages} pages of 64 KiB: the canister's "
                    "memory allocation, its cycles or the subnet's storage do not allow it"
                )
            self.pages = pages

    def read(self, address: int, length: int) -> bytes:
        if not PAGE <= address <= self.end - length:
            raise damaged(f"{length} bytes at {address} are outside the used blocks")
        data: bytes = _ic.stable_read(address, length)
        return data

    def entry(self, memory_id: int) -> MapEntry | None:
        """The map's entry, None when it was never written."""
        if memory_id not in self.entries:
            self.entries[memory_id] = self._read_entry(memory_id)
        return self.entries[memory_id]

    def _read_entry(self, memory_id: int) -> MapEntry | None:
        raw = _ic.stable_read(_ENTRIES + _ENTRY_SIZE * memory_id, _ENTRY.size + 4)
        if not any(raw):
            return None
        body = raw[: _ENTRY.size]
        if body[:4] != _ENTRY_MAGIC or _U32.unpack_from(raw, _ENTRY.size)[0] != crc32(body):
            raise damaged(f"the directory entry of memory_id={memory_id} is damaged")
        entry = MapEntry(memory_id)
        _, entry.height, entry.root, entry.count, entry.key_schema, entry.value_schema, _ = (
            _ENTRY.unpack(body)
        )
        return entry

    def write_entry(self, entry: MapEntry) -> None:
        body = _ENTRY.pack(
            _ENTRY_MAGIC,
            entry.height,
            entry.root,
            entry.count,
            entry.key_schema,
            entry.value_schema,
            0,
        )
        _ic.stable_write(_ENTRIES + _ENTRY_SIZE * entry.memory_id, body + _U32.pack(crc32(body)))
        self.entries[entry.memory_id] = entry

    def add_schema(self, header: bytes) -> int:
        """Store a Candid header; its number is the block's address over 32, which
        every block is aligned to."""
        address, _ = self.allocate(len(header) + 8)
        _ic.stable_write(address, b"SCHM" + _U32.pack(len(header)) + header)
        self.schemas[address >> 5] = header
        return address >> 5

    def schema(self, number: int) -> bytes:
        """The Candid header that a value was written with."""
        known = self.schemas.get(number)
        if known is None:
            head = self.read(number << 5, 8)
            if head[:4] != b"SCHM":
                raise damaged(f"there is no type description at {number << 5}")
            known = self.read((number << 5) + 8, _U32.unpack_from(head, 4)[0])
            self.schemas[number] = known
        return known


def opened() -> Stable | None:
    """The stable memory as it is; None when nothing was ever written to it.

    Raises StableMemoryCorrupt when it holds something else.
    """
    found: Stable | None = state.stable
    if found is not None:
        return found
    pages = _ic.stable_size()
    if pages == 0:
        return None
    head = _ic.stable_read(0, _LISTS + 8 * CLASSES)
    if head[:8] != MAGIC:
        raise damaged(
            "stable memory does not begin with the header of StableBTreeMap: something else "
            "(another tool's canister, or ic.stable_write) wrote it; reinstall the canister, or "
            "do not mix both"
        )
    found = Stable()
    found.pages = pages
    found.end = _U64.unpack_from(head, 8)[0]
    if not PAGE <= found.end <= pages * PAGE:
        raise damaged(f"the end of the blocks, {found.end}, is outside stable memory")
    found.free = list(struct.unpack_from(f"<{CLASSES}Q", head, _LISTS))
    state.stable = found
    return found


def created() -> Stable:
    """The stable memory, with a header written if it was empty."""
    found = opened()
    if found is None:
        if _ic.stable_grow(1) < 0:
            raise no_room("stable memory cannot grow: not enough cycles or storage")
        found = Stable()
        found.pages = 1
        found.end = PAGE
        _ic.stable_write(0, MAGIC + _U64.pack(PAGE))
        state.stable = found
    return found
