"""Linux: the image is a part of a memory file, the view a private mapping of it.

The kernel copies a page on the first write to the view and can list such pages (PAGEMAP_SCAN
since Linux 6.7; before, from the flags in /proc/self/pagemap), so commit and rollback cost in
proportion to the pages touched.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
from collections.abc import Sequence

from dcanary.replica.state import limits
from dcanary.replica.state.errors import EngineError
from dcanary.replica.vm.memory.linear import (
    MADV_DONTNEED,
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_NONE,
    PROT_READ_WRITE,
    CopiedMemory,
    CopiedSnapshot,
    Libc,
    LinearMemory,
    Snapshot,
)
from dcanary.replica.vm.memory.scanners import FlagScanner, PageScanner

_SLOT = 8 * limits.GIB
_ROLLBACK_REGIONS = 512
"""With more dirty regions than this, dropping the whole view is cheaper than copying back."""
_ROLLBACK_BYTES = 16 * limits.MIB
"""With more than this, what is dirty would take memory twice when it is copied back."""
_SCANS_BEFORE_DROP = 100
_IMAGE_STEP = 1 * limits.MIB
_MADV_POPULATE_WRITE = 23
_HOLES = re.compile(rb"\0+")


class Arena:
    """One memory file for all canisters: a window of 8 GiB (sparse) each."""

    def __init__(self, libc: Libc, scanner: PageScanner | FlagScanner) -> None:
        self.libc = libc
        self.scanner = scanner
        self.fd = os.memfd_create("canister-memory", os.MFD_CLOEXEC)
        self._query_scanner = type(scanner)()
        self._query_guard = threading.Lock()
        self._slots = 0
        self._free: list[int] = []
        self._fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        self._fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        self.keeps = self._can_make_private()
        """Whether `make_private` works (Linux 5.14 and later)."""

    def allocate(self) -> int:
        """Offset of a zeroed window in the file."""
        if self._free:
            return self._free.pop()
        offset = self._slots * _SLOT
        self._slots += 1
        os.ftruncate(self.fd, self._slots * _SLOT)
        return offset

    def make_private(self, address: int, length: int) -> None:
        """Give pages of a private mapping a copy of their own, as writing to them would, without
        a race with who writes to them. Raises `EngineError`."""
        if self.libc.madvise(address, length, _MADV_POPULATE_WRITE):
            raise EngineError(f"keeping a query's memory failed (errno {ctypes.get_errno()})")

    def _can_make_private(self) -> bool:
        size = limits.OS_PAGE
        os.ftruncate(self.fd, size)
        view = self.libc.mmap(None, size, PROT_READ_WRITE, MAP_PRIVATE, self.fd, 0)
        try:
            return not self.libc.madvise(view, size, _MADV_POPULATE_WRITE)
        finally:
            self.libc.munmap(view, size)

    def private_size(self, base: int, size: int) -> int:
        """Bytes of a private mapping that are no longer the file's. May be called by any thread."""
        with self._query_guard:
            regions = self._query_scanner.private_regions(base, size)
        return sum(end - start for start, end in regions)

    def punch(self, offset: int, length: int) -> None:
        """Zero a part of the file and give its memory back."""
        if length:
            self._fallocate(self.fd, 3, offset, length)  # PUNCH_HOLE | KEEP_SIZE

    def release(self, offset: int) -> None:
        self.punch(offset, _SLOT)
        self._free.append(offset)

    def close(self) -> None:
        os.close(self.fd)
        self.scanner.close()
        self._query_scanner.close()


class MappedView(LinearMemory):
    """A private mapping of a window of the arena's file."""

    _arena: Arena
    _libc: Libc
    _offset: int
    _total = 0

    def map_view(self, reserved: int, guard: int) -> int:
        self.unmap_view()
        capacity = max(reserved, self.maximum)
        self._total = capacity + guard
        self.base = self._libc.mmap(
            None, self._total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0
        )
        from_file = self._mapped_size()
        if from_file:
            self._libc.mmap(
                self.base,
                from_file,
                PROT_NONE,
                MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED,
                self._arena.fd,
                self._offset,
            )
        self.size = self.committed_size
        if self.size:
            self._libc.mprotect(self.base, self.size, PROT_READ_WRITE)
        return capacity

    def _mapped_size(self) -> int:
        """How much of the window the view shows."""
        return self.maximum

    def unmap_view(self) -> None:
        if self.base:
            self._libc.munmap(self.base, self._total)
            self.base = 0
        self.size = self.committed_size

    def grow(self, size: int) -> bool:
        if size > self.maximum:
            return False
        if size > self.size:
            self._libc.mprotect(self.base + self.size, size - self.size, PROT_READ_WRITE)
            self.size = size
        return True

    def _drop_changes(self) -> None:
        self._libc.madvise(self.base, self.size, MADV_DONTNEED)

    def rollback(self) -> bool:
        size = self.size
        if not self.base or not size:
            return True
        if size != self.committed_size:
            return False
        base, move = self.base, ctypes.memmove
        regions = self._arena.scanner.private_regions(base, size)
        dirty = sum(end - start for start, end in regions)
        if len(regions) > _ROLLBACK_REGIONS or dirty > _ROLLBACK_BYTES:
            self._drop_changes()
        elif regions:
            shared = self.image_address(size)
            for start, end in regions:
                move(start, shared + (start - base), end - start)
        return True


class MappedMemory(MappedView):
    """See the module's docstring."""

    def __init__(self, arena: Arena, maximum: int) -> None:
        super().__init__(maximum)
        self._arena = arena
        self._libc = arena.libc
        self._offset = arena.allocate()
        self._shared = 0
        self._shared_size = 0
        self._hot: int | None = None
        self._scans = 0
        self._closed = False
        self._borrowers = 0
        self._data = bytearray(-(-maximum // _IMAGE_STEP))
        """For each MiB of the window, whether the image may have anything but zeros there."""

    def snapshot(self) -> Snapshot:
        if not self._arena.keeps:
            return CopiedSnapshot(self._libc, self)
        self._borrowers += 1
        return MappedSnapshot(self._arena, self, self._offset)

    def image_address(self, size: int) -> int:
        if size <= self._shared_size:
            return self._shared
        size = -(-size // _IMAGE_STEP) * _IMAGE_STEP
        if self._shared:
            self._libc.munmap(self._shared, self._shared_size)
            self._shared = 0
        self._shared = self._libc.mmap(
            None, size, PROT_READ_WRITE, MAP_SHARED | MAP_NORESERVE, self._arena.fd, self._offset
        )
        self._shared_size = size
        return self._shared

    def map_view(self, reserved: int, guard: int) -> int:
        self._hot = None
        return super().map_view(reserved, guard)

    def commit(self) -> None:
        size = self.size
        if not self.base or not size:
            return
        base, shared, move = self.base, self.image_address(size), ctypes.memmove
        regions = self._arena.scanner.private_regions(base, size)
        for snapshot in self.snapshots:
            for start, end in regions:
                snapshot.keep(start - base, end - base)
        pages = 0
        for start, end in regions:
            move(shared + (start - base), start, end - start)
            self._note_data(start - base, end - base)
            pages += (end - start) >> 12
        if pages or size != self.committed_size:
            self.changed = True
            self.generation += 1
        self.committed_size = size
        if self._hot is None:
            self._hot = pages
            return
        self._scans += 1
        # Pages that stay private are scanned and copied each time: forget them now and then.
        if pages > 2 * self._hot + 16 or self._scans >= _SCANS_BEFORE_DROP:
            self._drop_changes()

    def _drop_changes(self) -> None:
        super()._drop_changes()
        self._hot = None
        self._scans = 0

    def write_image(self, offset: int, data: bytes) -> None:
        self._note_data(offset, offset + len(data))
        ctypes.memmove(self.image_address(offset + len(data)) + offset, data, len(data))
        self.changed = True
        self.generation += 1

    def read_image(self, offset: int, length: int) -> bytes:
        return ctypes.string_at(self.image_address(offset + length) + offset, length)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.generation += 1
        self.unmap_view()
        if self._shared:
            self._libc.munmap(self._shared, self._shared_size)
            self._shared = 0
            self._shared_size = 0
        self._release_window()

    def _note_data(self, start: int, end: int) -> None:
        first, last = start // _IMAGE_STEP, -(-end // _IMAGE_STEP)
        if last - first == 1:
            self._data[first] = 1
        else:
            self._data[first:last] = b"\1" * (last - first)

    def give_back_zeros(self) -> None:
        """Give back pages of the file that are there only because somebody read or copied them.

        The kernel makes a page of the file also for the first look at a hole, and it stays.
        """
        for found in _HOLES.finditer(self._data):
            start, end = found.start() * _IMAGE_STEP, found.end() * _IMAGE_STEP
            self._arena.punch(self._offset + start, end - start)

    def give_back(self) -> None:
        """A snapshot is closed."""
        self._borrowers -= 1
        self._release_window()

    def _release_window(self) -> None:
        if self._closed and not self._borrowers:
            self._arena.release(self._offset)


class MappedSnapshot(MappedView, Snapshot):
    """A second private mapping; pages that the owner is about to change are made private first."""

    _owner: MappedMemory

    def __init__(self, arena: Arena, owner: MappedMemory, offset: int) -> None:
        super().__init__(owner)
        self._arena = arena
        self._libc = arena.libc
        self._offset = offset
        self._closed = False

    def _mapped_size(self) -> int:
        # What is beyond is the query's own: a page of the file for each would be needed as well.
        return self.committed_size

    def _refresh(self) -> None:
        self._drop_changes()

    def written(self) -> int:
        if not self.base:
            return 0
        return self._arena.private_size(self.base, self.size)

    def give_back_zeros(self) -> None:
        self._owner.give_back_zeros()

    def keep(self, start: int, end: int) -> None:
        end = min(end, self.committed_size)
        if self.base and start < end:
            self._arena.make_private(self.base + start, end - start)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._owner.snapshots.discard(self)
        self.unmap_view()
        self._owner.give_back()


class MemoryFactory:
    """Makes linear memories of the best kind this machine has."""

    def __init__(
        self,
        portable: bool = False,
        scanners: Sequence[type[PageScanner] | type[FlagScanner]] = (PageScanner, FlagScanner),
    ) -> None:
        self._libc = Libc()
        self.arena: Arena | None = None
        if sys.platform != "linux" or portable:
            return
        for scanner in scanners:
            try:
                self.arena = Arena(self._libc, scanner())
            except OSError:
                continue
            if self._works():
                return
            self.arena.close()
            self.arena = None

    @property
    def kind(self) -> str:
        return "mapped" if self.arena else "copied"

    def _works(self) -> bool:
        """Whether the kernel lists privately written pages as expected."""
        assert self.arena is not None
        memory = MappedMemory(self.arena, limits.MIB)
        try:
            memory.set_image_size(2 * limits.OS_PAGE)
            memory.map_view(limits.MIB, 0)
            ctypes.memset(memory.base + limits.OS_PAGE, 1, 1)
            found = self.arena.scanner.private_regions(memory.base, memory.size)
            return found == [(memory.base + limits.OS_PAGE, memory.base + 2 * limits.OS_PAGE)]
        except OSError:
            return False
        finally:
            memory.close()

    def make(self, maximum: int) -> LinearMemory:
        """A new, empty memory that may grow to `maximum` bytes."""
        if self.arena is not None:
            return MappedMemory(self.arena, maximum)
        return CopiedMemory(self._libc, maximum)

    def close(self) -> None:
        if self.arena is not None:
            self.arena.close()
            self.arena = None
