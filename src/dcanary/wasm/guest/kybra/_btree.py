"""A B+ tree of byte keys in stable-memory blocks.

Each node is one block (4 KiB; more only where keys are so long that four do not fit), read and
written as a whole. Keys are searched in the node's bytes; nothing is unpacked for a lookup.

Node: u8 kind (leaf 0xB7, inner 0xB8), u8 size class, u16 cells, u32 bytes of cells, u32 of them
unused, then for each cell in key order u32 offset and u32 key length, then the cells in any order.
Offsets count from the first cell. Leaf cell: u32 key length, u32 schema, u32 value length (top bit:
value in an own block), key, value or u64 address of the block. Inner cell: u32 key length, u64
child, key; the key is a lower bound of the child's keys (that of the first cell counts as minus
infinity).
"""

from __future__ import annotations

import struct
from typing import Iterator

import _ic  # type: ignore[import-not-found]

from ._stable import NODE_SIZE, MapEntry, Stable, class_of, class_size, damaged

LEAF, INNER = 0xB7, 0xB8
MAX_INLINE = 512
"""Longer values get a block of their own."""
MIN_CELLS = 4
"""A node with fewer cells grows instead of splitting."""
_MERGE_BELOW = NODE_SIZE // 4
_MERGED_MAX = NODE_SIZE * 3 // 4
_OUTSIDE = 1 << 31
_NODE_CLASS = class_of(NODE_SIZE)
_NODE = struct.Struct("<BBHII")
_HEAD = _NODE.size
_KEY = 12
"""Where the key starts in a cell, in both kinds."""
_U32 = struct.Struct("<I").unpack_from
_U64 = struct.Struct("<Q").unpack_from
_SLOT = struct.Struct("<II")
_READ_SLOT = _SLOT.unpack_from
_PACK_U64 = struct.Struct("<Q").pack
_LEAF_CELL = struct.Struct("<III")
_INNER_CELL = struct.Struct("<IQ")


class _Step:
    """A node on the way down: its address, its bytes, and the cell that was taken."""

    __slots__ = ("address", "index", "node")

    def __init__(self, address: int, node: bytes, index: int) -> None:
        self.address = address
        self.node = node
        self.index = index


def _cell_at(node: bytes, index: int) -> int:
    """The position of a cell in the node."""
    count = _U32(node, 0)[0] >> 16
    return int(_HEAD + 8 * count + _U32(node, _HEAD + 8 * index)[0])


def _key_at(node: bytes, index: int) -> bytes:
    start = _cell_at(node, index)
    return node[start + _KEY : start + _KEY + _U32(node, start)[0]]


def _child_at(node: bytes, index: int) -> int:
    return int(_U64(node, _cell_at(node, index) + 4)[0])


def _cell_end(node: bytes, start: int) -> int:
    end = start + _KEY + int(_U32(node, start)[0])
    if node[0] == LEAF:
        length = _U32(node, start + 8)[0]
        end += 8 if length & _OUTSIDE else length
    return end


def _cells(node: bytes) -> list[bytes]:
    """All cells in key order."""
    found = []
    for index in range(_NODE.unpack_from(node)[2]):
        start = _cell_at(node, index)
        found.append(node[start : _cell_end(node, start)])
    return found


def _build(kind: int, number: int, cells: list[bytes]) -> bytes:
    slots = []
    used = 0
    for cell in cells:
        slots.append(used)
        slots.append(_U32(cell, 0)[0])
        used += len(cell)
    count = len(cells)
    head = _NODE.pack(kind, number, count, used, 0)
    return b"".join([head, struct.pack(f"<{2 * count}I", *slots), *cells])


class Tree:
    """The tree of one map. Changes are written through; the entry is written by each change."""

    __slots__ = ("entry", "stable")

    def __init__(self, stable: Stable, entry: MapEntry) -> None:
        self.stable = stable
        self.entry = entry

    def _read(self, address: int, kind: int) -> bytes:
        node = self.stable.read(address, NODE_SIZE)
        if node[0] != kind:
            raise damaged(
                f"memory_id={self.entry.memory_id}: the block at {address} is not a tree node"
            )
        if node[1] <= _NODE_CLASS:
            return node
        return self.stable.read(address, class_size(node[1]))

    def _leaf_of(self, key: bytes) -> bytes:
        """The leaf where the key is or would be."""
        address = self.entry.root
        for _ in range(self.entry.height):
            node = self._read(address, INNER)
            address = _child_at(node, _find_child(node, key))
        return self._read(address, LEAF)

    def get(self, key: bytes) -> tuple[int, bytes] | None:
        """Schema number and value of a key."""
        if not self.entry.root:
            return None
        leaf = self._leaf_of(key)
        index, found = _find(leaf, key)
        if not found:
            return None
        return self._value(leaf, _cell_at(leaf, index))

    def contains(self, key: bytes) -> bool:
        return bool(self.entry.root) and _find(self._leaf_of(key), key)[1]

    def _value(self, leaf: bytes, start: int) -> tuple[int, bytes]:
        key_length, schema, length = _LEAF_CELL.unpack_from(leaf, start)
        start += _KEY + key_length
        if length & _OUTSIDE:
            return schema, self.stable.read(_U64(leaf, start)[0], length ^ _OUTSIDE)
        return schema, leaf[start : start + length]

    def scan(self) -> Iterator[tuple[bytes, int, bytes]]:
        """(key, schema number, value) of all entries, in key order."""
        entry = self.entry
        if entry.root:
            yield from self._scan(entry.root, entry.height)

    def _scan(self, address: int, height: int) -> Iterator[tuple[bytes, int, bytes]]:
        node = self._read(address, INNER if height else LEAF)
        for index in range(_NODE.unpack_from(node)[2]):
            if height:
                yield from self._scan(_child_at(node, index), height - 1)
            else:
                yield (_key_at(node, index), *self._value(node, _cell_at(node, index)))

    def scan_keys(self) -> Iterator[bytes]:
        """All keys in order; values are not read."""
        entry = self.entry
        if entry.root:
            yield from self._scan_keys(entry.root, entry.height)

    def _scan_keys(self, address: int, height: int) -> Iterator[bytes]:
        node = self._read(address, INNER if height else LEAF)
        for index in range(_NODE.unpack_from(node)[2]):
            if height:
                yield from self._scan_keys(_child_at(node, index), height - 1)
            else:
                yield _key_at(node, index)

    def insert(self, key: bytes, schema: int, value: bytes) -> tuple[int, bytes] | None:
        """Set the value of a key; returns what it had."""
        entry = self.entry
        if not entry.root:
            entry.root, number = self.stable.allocate(NODE_SIZE)
            _ic.stable_write(entry.root, _build(LEAF, number, [self._cell(key, schema, value)]))
            entry.count = 1
            self.stable.write_entry(entry)
            return None
        path, leaf = self._descend(key)
        index, found = _find(leaf.node, key)
        if found:
            start = _cell_at(leaf.node, index)
            old = self._value(leaf.node, start)
            self._replace(path, leaf, index, start, self._cell(key, schema, value))
            return old
        leaf.index = index
        self._add_cell(path, leaf, index, self._cell(key, schema, value))
        entry.count += 1
        self.stable.write_entry(entry)
        return None

    def _descend(self, key: bytes) -> tuple[list[_Step], _Step]:
        path = []
        address = self.entry.root
        for _ in range(self.entry.height):
            node = self._read(address, INNER)
            index = _find_child(node, key)
            path.append(_Step(address, node, index))
            address = _child_at(node, index)
        return path, _Step(address, self._read(address, LEAF), 0)

    def _cell(self, key: bytes, schema: int, value: bytes) -> bytes:
        length = len(value)
        if length <= MAX_INLINE:
            return _LEAF_CELL.pack(len(key), schema, length) + key + value
        address, _ = self.stable.allocate(length)
        _ic.stable_write(address, value)
        return _LEAF_CELL.pack(len(key), schema, length | _OUTSIDE) + key + _PACK_U64(address)

    def _release_value(self, leaf: bytes, start: int) -> None:
        key_length, _, length = _LEAF_CELL.unpack_from(leaf, start)
        if length & _OUTSIDE:
            address = _U64(leaf, start + _KEY + key_length)[0]
            self.stable.release(address, class_of(length ^ _OUTSIDE))

    def _replace(self, path: list[_Step], leaf: _Step, index: int, start: int, cell: bytes) -> None:
        end = _cell_end(leaf.node, start)
        self._release_value(leaf.node, start)
        if len(cell) == end - start:
            _ic.stable_write(leaf.address + start, cell)
            return
        height, root = self.entry.height, self.entry.root
        leaf.node = _without(leaf.node, index)
        self._add_cell(path, leaf, index, cell)
        if (height, root) != (self.entry.height, self.entry.root):
            self.stable.write_entry(self.entry)

    def _add_cell(self, path: list[_Step], step: _Step, index: int, cell: bytes) -> None:
        """Put a cell before number `index` of the node, splitting or growing it if needed."""
        node = step.node
        kind, number, count, used, unused = _NODE.unpack_from(node)
        size = _HEAD + 8 * (count + 1) + used + len(cell)
        limit = class_size(number)
        if size > limit and unused:
            node = step.node = _build(kind, number, _cells(node))
            used -= unused
            size -= unused
            unused = 0
        if size <= limit:
            base = _HEAD + 8 * count
            at = _HEAD + 8 * index
            changed = b"".join(
                [
                    _NODE.pack(kind, number, count + 1, used + len(cell), unused),
                    node[_HEAD:at],
                    _SLOT.pack(used, _U32(cell, 0)[0]),
                    node[at : base + used],
                    cell,
                ]
            )
            step.node = changed
            _ic.stable_write(step.address, changed)
            return
        cells = _cells(node)
        cells.insert(index, cell)
        if len(cells) < MIN_CELLS:
            self._grow(path, step, kind, cells, size)
        else:
            self._split(path, step, kind, cells, index)

    def _grow(
        self, path: list[_Step], step: _Step, kind: int, cells: list[bytes], size: int
    ) -> None:
        """Move a node of few, long cells to a larger block."""
        address, number = self.stable.allocate(size)
        _ic.stable_write(address, _build(kind, number, cells))
        self.stable.release(step.address, step.node[1])
        self._repoint(path, address)

    def _repoint(self, path: list[_Step], address: int) -> None:
        if not path:
            self.entry.root = address
            return
        parent = path[-1]
        at = _cell_at(parent.node, parent.index) + 4
        parent.node = parent.node[:at] + _PACK_U64(address) + parent.node[at + 8 :]
        _ic.stable_write(parent.address + at, _PACK_U64(address))

    def _split(
        self, path: list[_Step], step: _Step, kind: int, cells: list[bytes], index: int
    ) -> None:
        middle = len(cells) - 1 if index == len(cells) - 1 else _half(cells)
        left, right = cells[:middle], cells[middle:]
        low = _key_of(right[0])
        if kind == LEAF:
            low = _between(_key_of(left[-1]), low)
        address = self._write_node(kind, right)
        left_size = _HEAD + sum(map(len, left)) + 8 * len(left)
        if left_size <= class_size(step.node[1]):
            _ic.stable_write(step.address, _build(kind, step.node[1], left))
            left_address = step.address
        else:
            left_address = self._write_node(kind, left)
            self.stable.release(step.address, step.node[1])
            self._repoint(path, left_address)
        if path:
            parent = path[-1]
            cell = _INNER_CELL.pack(len(low), address) + low
            self._add_cell(path[:-1], parent, parent.index + 1, cell)
            return
        first = _INNER_CELL.pack(0, left_address)
        second = _INNER_CELL.pack(len(low), address) + low
        self.entry.root = self._write_node(INNER, [first, second])
        self.entry.height += 1

    def _write_node(self, kind: int, cells: list[bytes]) -> int:
        size = _HEAD + sum(map(len, cells)) + 8 * len(cells)
        address, number = self.stable.allocate(max(NODE_SIZE, size))
        _ic.stable_write(address, _build(kind, number, cells))
        return address

    def remove(self, key: bytes) -> tuple[int, bytes] | None:
        """Take a key out; returns what it had."""
        entry = self.entry
        if not entry.root:
            return None
        path, leaf = self._descend(key)
        index, found = _find(leaf.node, key)
        if not found:
            return None
        start = _cell_at(leaf.node, index)
        old = self._value(leaf.node, start)
        self._release_value(leaf.node, start)
        leaf.index = index
        self._remove_cell(path, leaf)
        entry.count -= 1
        self.stable.write_entry(entry)
        return old

    def _remove_cell(self, path: list[_Step], step: _Step) -> None:
        node = step.node = _without(step.node, step.index)
        kind, number, count, used, unused = _NODE.unpack_from(node)
        entry = self.entry
        if count == 0:
            self.stable.release(step.address, number)
            if path:
                self._remove_cell(path[:-1], path[-1])
            else:
                entry.root = entry.height = 0
            return
        if kind == INNER and count == 1 and not path:
            entry.root = _child_at(node, 0)
            entry.height -= 1
            self.stable.release(step.address, number)
            return
        live = _HEAD + 8 * count + used - unused
        if path and live < _MERGE_BELOW and self._merge(path, step, live):
            return
        _ic.stable_write(step.address, node)

    def _merge(self, path: list[_Step], step: _Step, live: int) -> bool:
        """Join a nearly empty node with a neighbour under the same parent, if both fit in one."""
        parent = path[-1]
        siblings = _NODE.unpack_from(parent.node)[2]
        if siblings < 2:
            return False
        kind = step.node[0]
        left_index = parent.index - 1 if parent.index else 0
        other_index = left_index if parent.index else 1
        other_address = _child_at(parent.node, other_index)
        other = self._read(other_address, kind)
        _, _, count, used, unused = _NODE.unpack_from(other)
        if live + 8 * count + used - unused > _MERGED_MAX:
            return False
        own = (step.address, step.node)
        neighbour = (other_address, other)
        (address, left), (gone, right) = (own, neighbour) if not parent.index else (neighbour, own)
        moved = _cells(right)
        if kind == INNER:
            low = _key_at(parent.node, left_index + 1)
            moved[0] = _INNER_CELL.pack(len(low), _U64(moved[0], 4)[0]) + low
        _ic.stable_write(address, _build(kind, left[1], _cells(left) + moved))
        self.stable.release(gone, right[1])
        parent.index = left_index + 1
        self._remove_cell(path[:-1], parent)
        return True


def _find(node: bytes, key: bytes) -> tuple[int, bool]:
    """Where the key is among the cells, or where it would go."""
    low, high = 0, _U32(node, 0)[0] >> 16
    base = _HEAD + 8 * high + _KEY
    best = None
    while low < high:
        middle = (low + high) >> 1
        start, length = _READ_SLOT(node, 12 + 8 * middle)
        start += base
        found = node[start : start + length]
        if found < key:
            low = middle + 1
        else:
            high = middle
            best = found
    return low, best == key


def _find_child(node: bytes, key: bytes) -> int:
    """The last cell whose key is not above `key`."""
    low, high = 1, _U32(node, 0)[0] >> 16
    base = _HEAD + 8 * high + _KEY
    while low < high:
        middle = (low + high) >> 1
        start, length = _READ_SLOT(node, 12 + 8 * middle)
        start += base
        if key < node[start : start + length]:
            high = middle
        else:
            low = middle + 1
    return low - 1


def _without(node: bytes, index: int) -> bytes:
    """The node without a cell; its bytes stay as unused."""
    kind, number, count, used, unused = _NODE.unpack_from(node)
    start = _cell_at(node, index)
    gone = _cell_end(node, start) - start
    at = _HEAD + 8 * index
    base = _HEAD + 8 * count
    return b"".join(
        [
            _NODE.pack(kind, number, count - 1, used, unused + gone),
            node[_HEAD:at],
            node[at + 8 : base + used],
        ]
    )


def _key_of(cell: bytes) -> bytes:
    return cell[_KEY : _KEY + _U32(cell, 0)[0]]


def _half(cells: list[bytes]) -> int:
    """Where to cut so that both halves have about the same bytes; never an empty half."""
    half = sum(map(len, cells)) // 2
    taken = 0
    for index, cell in enumerate(cells):
        taken += len(cell)
        if taken >= half:
            return min(
                max(index + 1 if taken - half < len(cell) // 2 else index, 1), len(cells) - 1
            )
    return len(cells) - 1


def _between(left: bytes, right: bytes) -> bytes:
    """The shortest key above `left` and not above `right`."""
    for length in range(1, len(right) + 1):
        if right[:length] > left:
            return right[:length]
    return right
