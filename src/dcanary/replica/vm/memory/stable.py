"""Stable memory: reached only through the System API, so that each write is seen here.

The pages a message writes are kept in their old form until the message commits. Queries read
through a snapshot, which is given the old form of every page that a commit changes.
"""

from __future__ import annotations

import mmap
import sys
import threading
from typing import Protocol

from dcanary.replica.state import limits

_PAGE = limits.OS_PAGE
_FIRST_CAPACITY = 1 * limits.MIB


class Stable(Protocol):
    """What the System API does with stable memory. `pages` is its size in units of 64 KiB."""

    pages: int
    size: int
    """Bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes inside of the memory; the caller has checked the range."""
        ...

    def write(self, offset: int, data: bytes) -> int:
        """Write inside of the memory; returns how many pages (4 KiB) became dirty."""
        ...

    def grow(self, pages: int) -> int:
        """Grow by 64 KiB pages; returns the old size in pages, or -1."""
        ...


class StableMemory:
    """Stable memory of one canister; see `Stable`."""

    def __init__(self) -> None:
        self.pages = 0
        self.size = 0
        self.changed = True
        self.guard = threading.Lock()
        """Held while content and old pages change together: snapshots read both."""
        self._map: mmap.mmap | None = None
        self._capacity = 0
        self._old: dict[int, bytes] = {}
        self.committed_size = 0
        """Bytes, without what the present message has grown."""
        self._dirty = False
        self._snapshots: set[StableSnapshot] = set()

    # Content -----------------------------------------------------------------------------

    def read(self, offset: int, length: int) -> bytes:
        if not length:
            return b""
        assert self._map is not None
        return self._map[offset : offset + length]

    def write(self, offset: int, data: bytes) -> int:
        length = len(data)
        if not length:
            return 0
        assert self._map is not None
        old, content = self._old, self._map
        fresh = 0
        with self.guard:
            for page in range(offset // _PAGE, (offset + length - 1) // _PAGE + 1):
                if page not in old:
                    old[page] = content[page * _PAGE : (page + 1) * _PAGE]
                    fresh += 1
            self._dirty = True
            content[offset : offset + length] = data
        return fresh

    def grow(self, pages: int) -> int:
        before = self.pages
        size = (before + pages) * limits.WASM_PAGE
        if size > limits.MAX_STABLE:
            return -1
        if not self._ensure(size):
            return -1
        if pages:
            self._dirty = True
        self.pages = before + pages
        self.size = size
        return before

    def _ensure(self, size: int) -> bool:
        if size <= self._capacity:
            return True
        capacity = max(_FIRST_CAPACITY, self._capacity)
        while capacity < size:
            capacity *= 2
        try:
            with self.guard:
                self._reserve(capacity)
        except (OSError, ValueError, OverflowError, MemoryError):
            return False
        self._capacity = capacity
        return True

    def _reserve(self, capacity: int) -> None:
        if self._map is None:
            self._map = _reserve(capacity)
        elif sys.platform == "linux":
            self._map.resize(capacity)
        else:
            bigger = _reserve(capacity)
            bigger[: self.size] = self._map[: self.size]
            self._map.close()
            self._map = bigger

    # Transactions ------------------------------------------------------------------------

    def commit(self) -> None:
        """Keep what was written since the last commit or rollback."""
        if not self._dirty:
            return
        with self.guard:
            for snapshot in self._snapshots:
                snapshot.keep(self._old)
            self._old.clear()
        self.changed = True
        self._dirty = False
        self.committed_size = self.size

    def rollback(self) -> None:
        """Undo what was written since the last commit or rollback."""
        if not self._dirty:
            return
        with self.guard:
            if self._map is not None:
                for page, content in self._old.items():
                    self._map[page * _PAGE : (page + 1) * _PAGE] = content
            self._old.clear()
        self._dirty = False
        self.size = self.committed_size
        self.pages = self.size // limits.WASM_PAGE

    # Snapshots ---------------------------------------------------------------------------

    def snapshot(self) -> StableSnapshot:
        """Return the committed content of this moment; `close` it when it is not needed."""
        with self.guard:
            made = StableSnapshot(self, self.committed_size // limits.WASM_PAGE)
            self._snapshots.add(made)
        return made

    def forget(self, snapshot: StableSnapshot) -> None:
        """Stop keeping old pages for a snapshot."""
        with self.guard:
            self._snapshots.discard(snapshot)

    def committed(self, offset: int, length: int, kept: dict[int, bytes]) -> bytes:
        """Return content with pages of `kept` over committed ones. Called with the guard held."""
        data = self.read(offset, length)
        old = self._old
        if not old and not kept:
            return data
        first, last = offset // _PAGE, (offset + length - 1) // _PAGE
        changed = [page for page in range(first, last + 1) if page in kept or page in old]
        if not changed:
            return data
        out = bytearray(data)
        for page in changed:
            content = kept.get(page) or old[page]
            start, end = max(page * _PAGE, offset), min((page + 1) * _PAGE, offset + length)
            out[start - offset : end - offset] = content[start - page * _PAGE : end - page * _PAGE]
        return bytes(out)

    # Whole content -----------------------------------------------------------------------

    def content(self) -> bytes:
        """Return everything."""
        return self.read(0, self.size)

    def replace(self, content: bytes) -> None:
        """Set the whole content, rounded up to 64 KiB, and commit."""
        self.close()
        pages = -(-len(content) // limits.WASM_PAGE)
        if self.grow(pages) < 0:
            raise MemoryError(f"stable memory of {len(content)} bytes")
        if content:
            assert self._map is not None
            self._map[: len(content)] = content
        self._dirty = True
        self._old.clear()
        self.commit()

    def close(self) -> None:
        """Release the memory; the content is empty afterwards, but for open snapshots."""
        with self.guard:
            if self._snapshots:
                self._leave_to_snapshots()
            elif self._map is not None:
                self._map.close()
            self._map = None
            self._old = {}
        self._capacity = 0
        self.pages = self.size = self.committed_size = 0
        self._dirty = False
        self.changed = True

    def _leave_to_snapshots(self) -> None:
        heir = StableMemory()
        heir.pages, heir.size, heir.committed_size = self.pages, self.size, self.committed_size
        heir._map, heir._capacity, heir._dirty = self._map, self._capacity, self._dirty
        heir._old = self._old
        heir._snapshots, self._snapshots = self._snapshots, set()
        for snapshot in heir._snapshots:
            snapshot.base = heir


class StableSnapshot:
    """The committed stable memory of one moment; see `Stable`. Its own changes stay its own."""

    def __init__(self, base: StableMemory, pages: int) -> None:
        self.base = base
        self.pages = pages
        self.size = pages * limits.WASM_PAGE
        self._base_size = self.size
        self._kept: dict[int, bytes] = {}
        """Pages as this snapshot has them, where that is not as in `base`."""
        self._written: set[int] = set()

    def keep(self, old: dict[int, bytes]) -> None:
        """Take over pages before a commit changes them. Called with the base's guard held."""
        for page, content in old.items():
            self._kept.setdefault(page, content)

    def read(self, offset: int, length: int) -> bytes:
        if not length:
            return b""
        while True:
            base = self.base
            with base.guard:
                if base is not self.base:
                    continue  # closed in the meantime
                inside = max(min(length, self._base_size - offset), 0)
                data = base.committed(offset, inside, self._kept) if inside else b""
            break
        if inside == length:
            return data
        # Grown by the query itself.
        out = bytearray(data) + bytes(length - inside)
        first = max(offset, self._base_size) // _PAGE
        for page in range(first, (offset + length - 1) // _PAGE + 1):
            content = self._kept.get(page)
            if content is not None:
                start, end = max(page * _PAGE, offset), min((page + 1) * _PAGE, offset + length)
                out[start - offset : end - offset] = content[
                    start - page * _PAGE : end - page * _PAGE
                ]
        return bytes(out)

    def write(self, offset: int, data: bytes) -> int:
        end = offset + len(data)
        fresh = 0
        for page in range(offset // _PAGE, (end - 1) // _PAGE + 1) if data else ():
            first, last = max(page * _PAGE, offset), min((page + 1) * _PAGE, end)
            content = bytearray(self.read(page * _PAGE, _PAGE))
            content[first - page * _PAGE : last - page * _PAGE] = data[
                first - offset : last - offset
            ]
            self._kept[page] = bytes(content)
            if page not in self._written:
                self._written.add(page)
                fresh += 1
        return fresh

    def grow(self, pages: int) -> int:
        before = self.pages
        size = (before + pages) * limits.WASM_PAGE
        if size > limits.MAX_STABLE:
            return -1
        self.pages = before + pages
        self.size = size
        return before

    def written(self) -> int:
        """Bytes of the pages that were written here."""
        return len(self._written) * _PAGE

    def close(self) -> None:
        """Let go of the base, and of all pages."""
        self.base.forget(self)
        self._kept, self._written = {}, set()


def _reserve(capacity: int) -> mmap.mmap:
    if sys.platform == "linux":
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
        return mmap.mmap(-1, capacity, flags=flags)
    return mmap.mmap(-1, capacity)
