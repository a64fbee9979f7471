"""The log of inputs: frames of length, checksum and CBOR."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2

from dcanary.replica.engine.errors import EngineFault

_HEADER = struct.Struct("<II")
"""Length and CRC-32 of the payload."""


def read_frames(data: bytes, name: str) -> Iterator[tuple[Any, int]]:
    """Yield (entry, offset behind it). A torn last frame ends the log; damage before it raises
    `EngineFault`."""
    at = 0
    while at < len(data):
        if at + _HEADER.size > len(data):
            return
        length, checksum = _HEADER.unpack_from(data, at)
        end = at + _HEADER.size + length
        if end > len(data):
            return
        payload = data[at + _HEADER.size : end]
        if zlib.crc32(payload) != checksum:
            if end == len(data):
                return
            raise EngineFault(
                f"log {name} is damaged at byte {at}; restore the state folder from a copy or "
                "delete it to start anew"
            )
        yield cbor2.loads(payload), end
        at = end


class Log:
    """Appends to one log file."""

    def __init__(self, path: Path, fsync: bool) -> None:
        self._fsync = fsync
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self._fd).st_size

    def replay(self) -> Iterator[Any]:
        """Yield the entries, then cut off a torn end."""
        data = self._path.read_bytes()
        good = 0
        for entry, behind in read_frames(data, self._path.name):
            yield entry
            good = behind
        if good != len(data):
            os.ftruncate(self._fd, good)
        self.size = good

    def append(self, entry: Any) -> None:
        """Write an entry through to the operating system. Raises `EngineFault`, in which case
        nothing was written."""
        payload = cbor2.dumps(entry)
        frame = _HEADER.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            written = os.pwrite(self._fd, frame, self.size)
            if written != len(frame):
                raise OSError(f"{written} of {len(frame)} bytes written")
            if self._fsync:
                os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, self.size)
            raise EngineFault(f"writing the log {self._path} failed: {error}") from error
        self.size += len(frame)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
