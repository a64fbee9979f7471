"""Finding the pages of a private file mapping that were written to."""

from __future__ import annotations

import ctypes
import os
import re
import struct
import sys

if sys.platform == "linux":
    import fcntl

_PAGEMAP_SCAN = (3 << 30) | (96 << 16) | (ord("f") << 8) | 16
_CATEGORY_FILE, _CATEGORY_PRESENT, _CATEGORY_SWAPPED = 4, 8, 16
_REGIONS = 1024
_REGION_SIZE = 24
"""Bytes of one region in the kernel's answer: start, end, categories."""
Regions = tuple[tuple[int, int], ...]
_ARGUMENT = struct.Struct("<12Q")
_BOUNDS = struct.Struct("<3Q")
_BOUNDS_OFFSET = 16


class PageScanner:
    """Finds the pages of a private file mapping that were written to, by PAGEMAP_SCAN. Used by one
    thread at a time."""

    def __init__(self) -> None:
        self._pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        self._vector = (ctypes.c_uint64 * (3 * _REGIONS))()
        self._answer = memoryview(self._vector).cast("B")
        self._last: tuple[bytes, Regions] = b"", ()
        """The kernel's last answer, and what was read from it: often it is the next one too."""
        self._argument = bytearray(
            _ARGUMENT.pack(
                96,
                0,
                0,
                0,
                0,
                ctypes.addressof(self._vector),
                _REGIONS,
                0,
                _CATEGORY_FILE,  # inverted: anonymous
                _CATEGORY_FILE,
                _CATEGORY_PRESENT | _CATEGORY_SWAPPED,
                0,
            )
        )

    def private_regions(self, base: int, size: int) -> Regions:
        """(start, end) addresses of runs of pages that are no longer the file's."""
        end = base + size
        count = self._scan(base, end)
        answer = self._answer[: _REGION_SIZE * count].tobytes()
        known, regions = self._last
        if answer == known:
            return regions
        found = self._read(count)
        while count == _REGIONS and found[-1][1] < end:
            # From the last region's end: where the kernel says that it stopped lies before regions
            # that it has listed, when the list became full at the end of a step of its walk.
            count = self._scan(found[-1][1], end)
            found += self._read(count)
        regions = tuple(found)
        if len(regions) < _REGIONS:
            self._last = answer, regions
        return regions

    def _scan(self, start: int, end: int) -> int:
        argument = self._argument
        _BOUNDS.pack_into(argument, _BOUNDS_OFFSET, start, end, 0)
        count: int = fcntl.ioctl(self._pagemap, _PAGEMAP_SCAN, argument, True)
        return count

    def _read(self, count: int) -> list[tuple[int, int]]:
        values = self._vector[: 3 * count]
        return list(zip(values[0::3], values[1::3], strict=True))

    def close(self) -> None:
        os.close(self._pagemap)


class FlagScanner:
    """The same for older kernels: reads the flags of every page."""

    _WRITTEN = re.compile(rb"[\x40-\x5f\x80-\x9f]+", re.S)
    """Highest byte of an entry: present or swapped, and not of a file."""

    def __init__(self) -> None:
        self._pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)

    def private_regions(self, base: int, size: int) -> Regions:
        """(start, end) addresses of runs of pages that are no longer the file's."""
        flags = os.pread(self._pagemap, (size >> 12) * 8, (base >> 12) * 8)[7::8]
        return tuple(
            (base + (found.start() << 12), base + (found.end() << 12))
            for found in self._WRITTEN.finditer(flags)
        )

    def close(self) -> None:
        os.close(self._pagemap)
