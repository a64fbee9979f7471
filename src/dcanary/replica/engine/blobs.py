"""Content-addressed blobs: modules, chunks and snapshot images."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


class Blobs:
    """Keeps blobs in a folder, or in memory without one. Names are sha256 digests."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[bytes, bytes] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> bytes:
        """Store a blob; returns its digest."""
        digest = hashlib.sha256(content).digest()
        if self._folder is None:
            self._memory[digest] = content
            return digest
        path = self._folder / digest.hex()
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_bytes(content)
            partial.replace(path)
        return digest

    def get(self, digest: bytes) -> bytes:
        """Raises KeyError when the blob is unknown, ValueError when it is damaged."""
        if self._folder is None:
            return self._memory[digest]
        path = self._folder / digest.hex()
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise KeyError(digest.hex()) from None
        if hashlib.sha256(content).digest() != digest:
            raise ValueError(f"blob {path} is damaged: its content has another sha256")
        return content

    def retain(self, used: set[bytes]) -> None:
        """Forget all other blobs."""
        if self._folder is None:
            self._memory = {d: c for d, c in self._memory.items() if d in used}
            return
        names = {digest.hex() for digest in used}
        for path in self._folder.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)
