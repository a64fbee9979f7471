"""Content-addressed blobs: modules, chunks and snapshot images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path


class Blobs:
    """Keeps blobs in a folder, or in memory without one. Names are sha256 digests.

    A blob that the disk has no room for stays in memory until `save`: the input that made it is in
    the log and makes it again, so that its effect must not depend on the disk.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[bytes, bytes] = {}
        self._good: set[bytes] = set()
        """Those whose file this process has written or verified."""
        self._flushed: set[bytes] = set()

    def put(self, content: bytes) -> bytes:
        """Store a blob; returns its digest."""
        digest = hashlib.sha256(content).digest()
        if digest in self._good or digest in self._memory:
            return digest
        if self._folder is None:
            self._memory[digest] = content
            return digest
        try:
            self._write(self._folder, digest, content)
        except OSError:
            self._memory[digest] = content
        return digest

    def _write(self, folder: Path, digest: bytes, content: bytes) -> None:
        """Write a file that appears whole. A file that is there already may be damaged, so it is
        replaced."""
        partial = folder / f"{digest.hex()}.{os.getpid()}"
        try:
            partial.write_bytes(content)
            partial.replace(folder / digest.hex())
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        self._good.add(digest)

    def get(self, digest: bytes) -> bytes:
        """Raises KeyError when the blob is unknown, ValueError when it is damaged."""
        if digest in self._memory or self._folder is None:
            return self._memory[digest]
        path = self._folder / digest.hex()
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise KeyError(digest.hex()) from None
        if digest not in self._good:
            if hashlib.sha256(content).digest() != digest:
                raise ValueError(f"blob {path} is damaged: its content has another sha256")
            self._good.add(digest)
        return content

    def save(self, digests: Iterable[bytes]) -> None:
        """Have these blobs on the disk. Raises OSError; those that fit are then saved."""
        if self._folder is None:
            return
        new = [digest for digest in digests if digest not in self._flushed]
        for digest in new:
            if digest in self._memory:
                self._write(self._folder, digest, self._memory[digest])
                del self._memory[digest]
            _flush(self._folder / digest.hex())
        if new:
            _flush(self._folder)
            self._flushed.update(new)

    def retain(self, used: set[bytes]) -> None:
        """Forget all other blobs."""
        self._memory = {d: c for d, c in self._memory.items() if d in used}
        self._good &= used
        self._flushed &= used
        if self._folder is None:
            return
        names = {digest.hex() for digest in used}
        for path in self._folder.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
