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
_FEW, _MANY = 64, 1024
"""Regions asked for at first, and after that. The kernel makes room for as many as are asked for,
which for many takes a tenth of the time of a scan."""
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
        self._vector = (ctypes.c_uint64 * (3 * _MANY))()
        self._answer = memoryview(self._vector).cast("B")
        self._last: tuple[bytes, Regions] = b"", ()
        """The kernel's last answer, and what was read from it: often it is the next one too."""
        self._ask_for_few = self._request(_FEW)
        self._ask_for_many = self._request(_MANY)

    def _request(self, regions: int) -> bytearray:
        """Return the argument of a scan for so many regions, but for its bounds."""
        return bytearray(
            _ARGUMENT.pack(
                96,
                0,
                0,
                0,
                0,
                ctypes.addressof(self._vector),
                regions,
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
        count = self._scan(self._ask_for_few, base, end)
        answer = self._answer[: _REGION_SIZE * count].tobytes()
        known, regions = self._last
        if answer == known:
            return regions
        found = self._read(count)
        most = _FEW
        while count == most and found[-1][1] < end:
            # From the last region's end: where the kernel says that it stopped lies before regions
            # that it has listed, when the list became full at the end of a step of its walk.
            count, most = self._scan(self._ask_for_many, found[-1][1], end), _MANY
            found += self._read(count)
        regions = tuple(found)
        if len(regions) < _FEW:
            self._last = answer, regions
        return regions

    def _scan(self, request: bytearray, start: int, end: int) -> int:
        _BOUNDS.pack_into(request, _BOUNDS_OFFSET, start, end, 0)
        count: int = fcntl.ioctl(self._pagemap, _PAGEMAP_SCAN, request, True)
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
