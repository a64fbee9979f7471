"""The one interface of a canister's main memory, and its portable implementation.

A linear memory has a committed image and a view that the running instance changes. `commit` makes
the view the image, `rollback` the image the view. wasmtime gets its memory from here through the
host memory creator.
"""

from __future__ import annotations

import ctypes
import sys
from abc import ABC, abstractmethod

from dcanary import not_yet
from dcanary.replica.state import limits
from dcanary.replica.state.errors import EngineError

PROT_NONE, PROT_READ_WRITE = 0, 3
MAP_SHARED, MAP_PRIVATE, MAP_FIXED = 1, 2, 0x10
MAP_ANONYMOUS = 0x20 if sys.platform == "linux" else 0x1000
MAP_NORESERVE = 0x4000 if sys.platform == "linux" else 0x40
MADV_DONTNEED = 4
_MAP_FAILED = ctypes.c_void_p(-1).value


class Libc:
    """The few C functions that map memory."""

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise EngineError(not_yet.WINDOWS.sentence())
        library = ctypes.CDLL(None, use_errno=True)
        self._mmap = library.mmap
        self._mmap.restype = ctypes.c_void_p
        self._mmap.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int64,
        ]
        self.munmap = library.munmap
        self.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.mprotect = library.mprotect
        self.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.madvise = library.madvise
        self.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.memcmp = library.memcmp
        self.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
        self.memcmp.restype = ctypes.c_int

    def mmap(
        self, address: int | None, size: int, protection: int, flags: int, fd: int, offset: int
    ) -> int:
        """Map memory. Raises `EngineError` with the reason of the operating system."""
        result = self._mmap(address, size, protection, flags, fd, offset)
        if result is None or result == _MAP_FAILED:
            number = ctypes.get_errno()
            raise EngineError(f"mapping {size} bytes of memory failed (errno {number})")
        return int(result)


def as_buffer(address: int, size: int) -> memoryview:
    """Return mapped memory as bytes that can be sliced and assigned; not to be used after it is
    unmapped.

    Copying a page this way takes a third of the time of `ctypes.memmove`, a few bytes a fifth.
    """
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")


NOT_MAPPED = memoryview(b"")


class LinearMemory(ABC):
    """Main memory of one canister. Sizes and offsets are in bytes."""

    base: int
    """Address of the view; 0 while no instance exists."""
    view: memoryview
    """The view; only the first `size` bytes may be touched. Empty while no instance exists."""
    size: int
    """Current size of the view."""
    committed_size: int
    changed: bool
    """Whether a commit happened since the flag was last cleared (by a checkpoint)."""

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.base = 0
        self.view = NOT_MAPPED
        self.size = 0
        self.committed_size = 0
        self.changed = True
        self.generation = 0
        """Number of commits that changed the image."""
        self.snapshots: set[Snapshot] = set()
        """Those in use."""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """Return a snapshot of the image, not yet in use."""

    @abstractmethod
    def map_view(self, reserved: int, guard: int) -> int:
        """Map the view for a new instance; returns how many bytes it may grow to."""

    @abstractmethod
    def unmap_view(self) -> None:
        """Forget the view and what it holds beyond the image."""

    @abstractmethod
    def grow(self, size: int) -> bool:
        """Make the view `size` bytes big; False when the limit is reached."""

    @abstractmethod
    def commit(self) -> None:
        """Make the view's content and size the image's."""

    @abstractmethod
    def rollback(self) -> bool:
        """Undo what the view changed. False: the size differs, a new instance is needed."""

    @abstractmethod
    def write_image(self, offset: int, data: bytes) -> None:
        """Write into the image (only while there is no view)."""

    @abstractmethod
    def read_image(self, offset: int, length: int) -> bytes:
        """Read from the image."""

    @abstractmethod
    def image_address(self, size: int) -> int:
        """Where the first `size` bytes of the image are in memory, until the next change."""

    @abstractmethod
    def close(self) -> None:
        """Release everything."""

    def set_image_size(self, size: int) -> None:
        """Set the committed size (only while there is no view); new bytes are zero."""
        self.committed_size = self.size = size

    def read_view(self, offset: int, length: int) -> bytes:
        """Read from the view (from the image while there is none)."""
        if not self.base:
            return self.read_image(offset, length)
        return ctypes.string_at(self.base + offset, length)

    def copy_view_to(self, other: LinearMemory) -> None:
        """Make `other`'s image what this view shows now."""
        other.set_image_size(self.size)
        step = limits.MIB
        zero = bytes(step)
        for offset in range(0, self.size, step):
            length = min(step, self.size - offset)
            block = self.read_view(offset, length)
            if block != zero[:length]:
                other.write_image(offset, block)


class Snapshot(LinearMemory):
    """A view of another memory's image as it is at `begin`, for an instance of its own.

    `begin`, `end` and `close`, like the owner's `commit`, are called by one thread at a time; the
    view itself may be changed meanwhile.
    """

    def __init__(self, owner: LinearMemory) -> None:
        super().__init__(owner.maximum)
        self._owner = owner
        self._generation = -1

    def begin(self) -> bool:
        """Show the owner's image of this moment. False: its size differs from the view's, so a
        new instance is needed."""
        owner = self._owner
        fits = bool(self.base) and self.size == owner.committed_size
        self.committed_size = owner.committed_size
        if fits and self._generation != owner.generation:
            self._refresh()
        self._generation = owner.generation
        owner.snapshots.add(self)
        return fits

    def end(self) -> bool:
        """Undo what was changed. False: a new instance is needed."""
        owner = self._owner
        owner.snapshots.discard(self)
        if not self.base or self.size != self.committed_size:
            return False
        if self._generation == owner.generation:
            return self.rollback()
        return True

    @abstractmethod
    def _refresh(self) -> None:
        """Make the view the owner's image."""

    @abstractmethod
    def keep(self, start: int, end: int) -> None:
        """Make a part of the view independent of the image, which is about to change."""

    @abstractmethod
    def written(self) -> int:
        """Bytes of memory that the view has of its own; called by the thread that changes it."""

    def give_back_zeros(self) -> None:
        """Give back memory that holds nothing but zeros, after a query that touched much."""

    def snapshot(self) -> Snapshot:
        raise NotImplementedError("a snapshot has no snapshots")

    def commit(self) -> None:
        raise NotImplementedError("a snapshot is not committed")

    def write_image(self, offset: int, data: bytes) -> None:
        raise NotImplementedError("a snapshot has no image")

    def read_image(self, offset: int, length: int) -> bytes:
        return self._owner.read_image(offset, length)

    def image_address(self, size: int) -> int:
        return self._owner.image_address(size)


class CopiedView(LinearMemory):
    """Portable: the view is anonymous memory with a copy of the image, compared block by block."""

    BLOCK = 64 * limits.KIB
    _libc: Libc
    _total = 0

    def map_view(self, reserved: int, guard: int) -> int:
        self.unmap_view()
        capacity = max(reserved, self.maximum)
        self._total = capacity + guard
        self.base = self._libc.mmap(
            None, self._total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0
        )
        self.view = as_buffer(self.base, self.maximum)
        self.size = self.committed_size
        if self.size:
            self._libc.mprotect(self.base, self.size, PROT_READ_WRITE)
            ctypes.memmove(self.base, self.image_address(self.size), self.size)
        return capacity

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

    def _differing(self, size: int) -> list[int]:
        compare = self._libc.memcmp
        image = self.image_address(size)
        return [
            offset
            for offset in range(0, size, self.BLOCK)
            if compare(self.base + offset, image + offset, min(self.BLOCK, size - offset))
        ]

    def rollback(self) -> bool:
        if not self.base:
            return True
        image = self.image_address(self.committed_size)
        for offset in self._differing(self.committed_size):
            length = min(self.BLOCK, self.committed_size - offset)
            ctypes.memmove(self.base + offset, image + offset, length)
        return self.size == self.committed_size


class CopiedMemory(CopiedView):
    """Portable: the image is a second copy of the view."""

    def __init__(self, libc: Libc, maximum: int) -> None:
        super().__init__(maximum)
        self._libc = libc
        self._image = libc.mmap(
            None, maximum, PROT_READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0
        )

    def snapshot(self) -> Snapshot:
        return CopiedSnapshot(self._libc, self)

    def image_address(self, size: int) -> int:
        return self._image

    def commit(self) -> None:
        if not self.base:
            return
        for offset in self._differing(self.size):
            length = min(self.BLOCK, self.size - offset)
            ctypes.memmove(self._image + offset, self.base + offset, length)
            self.changed = True
            self.generation += 1
        if self.size != self.committed_size:
            self.committed_size = self.size
            self.changed = True

    def write_image(self, offset: int, data: bytes) -> None:
        ctypes.memmove(self._image + offset, data, len(data))
        self.changed = True
        self.generation += 1

    def read_image(self, offset: int, length: int) -> bytes:
        return ctypes.string_at(self._image + offset, length)

    def close(self) -> None:
        self.unmap_view()
        self.generation += 1
        if self._image:
            self._libc.munmap(self._image, self.maximum)
            self._image = 0


class CopiedSnapshot(CopiedView, Snapshot):
    """A whole copy, so that nothing needs to be kept when the owner commits. Costs in proportion
    to the size of the memory after each change of it."""

    def __init__(self, libc: Libc, owner: LinearMemory) -> None:
        super().__init__(owner)
        self._libc = libc

    def _refresh(self) -> None:
        ctypes.memmove(self.base, self.image_address(self.size), self.size)

    def keep(self, start: int, end: int) -> None:
        pass

    def written(self) -> int:
        """All of a memory that has grown; what was changed in place is only known by comparing."""
        return self.size if self.size != self.committed_size else 0

    def close(self) -> None:
        self._owner.snapshots.discard(self)
        self.unmap_view()
