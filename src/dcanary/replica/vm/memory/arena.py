"""The memory file in which the images of all canisters' main memories are (Linux)."""

from __future__ import annotations

import ctypes
import os
import threading

from dcanary.replica.state import limits
from dcanary.replica.state.errors import EngineError
from dcanary.replica.vm.memory.linear import MAP_PRIVATE, PROT_READ_WRITE, Libc
from dcanary.replica.vm.memory.scanners import FlagScanner, PageScanner

_SLOT = 8 * limits.GIB
_MADV_POPULATE_WRITE = 23


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
