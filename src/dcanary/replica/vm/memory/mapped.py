"""Linux: the image is a part of a memory file, the view a private mapping of it.

The kernel copies a page on the first write to the view and can list such pages (PAGEMAP_SCAN
since Linux 6.7; before, from the flags in /proc/self/pagemap), so commit and rollback cost in
proportion to the pages touched.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Sequence

from dcanary.replica.state import limits
from dcanary.replica.vm.memory.arena import Arena
from dcanary.replica.vm.memory.linear import (
    MADV_DONTNEED,
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_SHARED,
    NOT_MAPPED,
    PROT_NONE,
    PROT_READ_WRITE,
    CopiedMemory,
    CopiedSnapshot,
    Libc,
    LinearMemory,
    Snapshot,
    as_buffer,
)
from dcanary.replica.vm.memory.scanners import FlagScanner, PageScanner, Regions

_ROLLBACK_REGIONS = 512
"""With more dirty regions than this, dropping the whole view is cheaper than copying back."""
_ROLLBACK_BYTES = 16 * limits.MIB
"""With more than this, what is dirty would take memory twice when it is copied back."""
_SCANS_BEFORE_DROP = 100
_MANY_PAGES = 64
"""With more to copy, others may run meanwhile: a call that lets them costs more than small copies.
"""
_IMAGE_STEP = 1 * limits.MIB
_HOLES = re.compile(rb"\0+")


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
        self.view = as_buffer(self.base, self.maximum)
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
            self.view = NOT_MAPPED
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
        self._image = NOT_MAPPED
        """What `image_address` returned last, as bytes."""
        self._regions: Regions = ()
        """Addresses of the dirty regions of the last commit: often they are the next one's too."""
        self._parts: list[slice] = []
        """The same as parts of the memory."""
        self._pages = 0
        """How many pages these are."""
        self._copies: list[tuple[memoryview, memoryview]] = []
        """These parts of the image and of the view, where they are few pages."""
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
        self._unmap_image()
        self._shared = self._libc.mmap(
            None, size, PROT_READ_WRITE, MAP_SHARED | MAP_NORESERVE, self._arena.fd, self._offset
        )
        self._shared_size = size
        self._image = as_buffer(self._shared, size)
        return self._shared

    def _unmap_image(self) -> None:
        if self._shared:
            self._image = NOT_MAPPED
            self._libc.munmap(self._shared, self._shared_size)
            self._shared = 0
            self._shared_size = 0
            self._note_regions(())

    def map_view(self, reserved: int, guard: int) -> int:
        self._hot = None
        self._note_regions(())
        return super().map_view(reserved, guard)

    def commit(self) -> None:
        size = self.size
        if not self.base or not size:
            return
        if size > self._shared_size:
            self.image_address(size)
        regions = self._arena.scanner.private_regions(self.base, size)
        if regions is not self._regions and regions != self._regions:
            self._note_regions(regions)
        parts, pages = self._parts, self._pages
        for snapshot in self.snapshots:
            for part in parts:
                snapshot.keep(part.start, part.stop)
        if pages > _MANY_PAGES:
            for start, end in regions:
                ctypes.memmove(self._shared + (start - self.base), start, end - start)
        else:
            for image, view in self._copies:
                image[:] = view
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
        self._unmap_image()
        self._release_window()

    def _note_regions(self, regions: Regions) -> None:
        """Prepare for a commit of other regions than the last one's."""
        base = self.base
        self._regions = regions
        self._parts = [slice(start - base, end - base) for start, end in regions]
        self._pages = sum(end - start for start, end in regions) >> 12
        few = self._parts if self._pages <= _MANY_PAGES else ()
        image, view = self._image, self.view
        self._copies = [(image[part], view[part]) for part in few]
        for part in self._parts:
            self._note_data(part.start, part.stop)

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
            return found == ((memory.base + limits.OS_PAGE, memory.base + 2 * limits.OS_PAGE),)
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
