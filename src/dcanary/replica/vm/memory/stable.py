"""Stable memory: reached only through the System API, so that each write is seen here.

The pages a message writes are kept in their old form until the message commits.
"""

from __future__ import annotations

import mmap
import sys

from dcanary.replica.state import limits

_PAGE = limits.OS_PAGE
_FIRST_CAPACITY = 1 * limits.MIB


class StableMemory:
    """Stable memory of one canister. `pages` is its size in units of 64 KiB."""

    def __init__(self) -> None:
        self.pages = 0
        self.size = 0
        self.changed = True
        self._map: mmap.mmap | None = None
        self._capacity = 0
        self._old: dict[int, bytes] = {}
        self._old_pages = 0
        self._dirty = False

    # Content -----------------------------------------------------------------------------

    def read(self, offset: int, length: int) -> bytes:
        """Bytes inside of the memory; the caller has checked the range."""
        if not length:
            return b""
        assert self._map is not None
        return self._map[offset : offset + length]

    def write(self, offset: int, data: bytes) -> int:
        """Write inside of the memory; returns how many pages (4 KiB) became dirty."""
        length = len(data)
        if not length:
            return 0
        assert self._map is not None
        old, content = self._old, self._map
        fresh = 0
        for page in range(offset // _PAGE, (offset + length - 1) // _PAGE + 1):
            if page not in old:
                old[page] = content[page * _PAGE : (page + 1) * _PAGE]
                fresh += 1
        self._dirty = True
        content[offset : offset + length] = data
        return fresh

    def grow(self, pages: int) -> int:
        """Grow by 64 KiB pages; returns the old size in pages, or -1."""
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
            if self._map is None:
                self._map = _reserve(capacity)
            elif sys.platform == "linux":
                self._map.resize(capacity)
            else:
                bigger = _reserve(capacity)
                bigger[: self.size] = self._map[: self.size]
                self._map.close()
                self._map = bigger
        except (OSError, ValueError, OverflowError, MemoryError):
            return False
        self._capacity = capacity
        return True

    # Transactions ------------------------------------------------------------------------

    def commit(self) -> None:
        """Keep what was written since the last commit or rollback."""
        if self._dirty:
            self.changed = True
            self._dirty = False
            self._old.clear()
            self._old_pages = self.pages

    def rollback(self) -> None:
        """Undo what was written since the last commit or rollback."""
        if not self._dirty:
            return
        if self._map is not None:
            for page, content in self._old.items():
                self._map[page * _PAGE : (page + 1) * _PAGE] = content
        self._old.clear()
        self._dirty = False
        self.pages = self._old_pages
        self.size = self.pages * limits.WASM_PAGE

    # Whole content -----------------------------------------------------------------------

    def content(self) -> bytes:
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
        """Release the memory; the content is empty afterwards."""
        if self._map is not None:
            self._map.close()
            self._map = None
        self._capacity = 0
        self.pages = self.size = self._old_pages = 0
        self._old.clear()
        self._dirty = False
        self.changed = True


def _reserve(capacity: int) -> mmap.mmap:
    if sys.platform == "linux":
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
        return mmap.mmap(-1, capacity, flags=flags)
    return mmap.mmap(-1, capacity)
