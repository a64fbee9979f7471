"""Images of memories: files with holes where they are zero, named by a sha256.

The sha256 is over (offset, block) of every block of 256 KiB that is not all zero, so that gigabytes
of untouched memory cost nothing.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from dcanary.replica.state import limits
from dcanary.replica.storage.damage import Damaged

BLOCK = 256 * limits.KIB
_ZEROS = bytes(BLOCK)
Take = Callable[[int, bytes], object]
"""Is given offset and content of a block."""


def _is_zero(block: bytes) -> bool:
    return block == (_ZEROS if len(block) == BLOCK else _ZEROS[: len(block)])


def write(target: Path, size: int, read: Callable[[int, int], bytes]) -> str:
    """Write an image through to the disk; returns its sha256. Raises OSError."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for offset in range(0, size, BLOCK):
            block = read(offset, min(BLOCK, size - offset))
            if not _is_zero(block):
                file.seek(offset)
                file.write(block)
                digest.update(offset.to_bytes(8, "big") + block)
        file.truncate(size)
    return digest.hexdigest()


def link(target: Path, previous: Path) -> bool:
    """Share the same image of the last checkpoint; False on a file system without hard links."""
    try:
        os.link(previous, target)
    except OSError:
        return False
    return True


def read(path: Path, size: int, digest: str | None, take: Take | None = None) -> None:
    """Give every block that is not zero to `take`. Raises `Damaged` when size or sha256 are not
    those that were written; `digest` None: unknown, from a checkpoint of format 1."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            actual = os.fstat(file.fileno()).st_size
            if actual != size:
                raise Damaged(
                    path, min(actual, size), f"it has {actual} bytes, {size} were written"
                )
            for offset, block in _blocks(file, size):
                found.update(offset.to_bytes(8, "big") + block)
                if take is not None:
                    take(offset, block)
    except OSError as error:
        raise Damaged(path, None, f"it cannot be read ({error.strerror or error})") from error
    if digest is not None and found.hexdigest() != digest:
        raise Damaged(path, None, "its content has another sha256 than what was written")


def _blocks(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """Offset and content of the blocks that are not zero; holes are not read."""
    at = 0
    while at < size:
        try:
            at = os.lseek(file.fileno(), at, os.SEEK_DATA) // BLOCK * BLOCK
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole behind
                return
        block = os.pread(file.fileno(), min(BLOCK, size - at), at)
        if len(block) != min(BLOCK, size - at):
            raise OSError(errno.EIO, "it became shorter")
        if not _is_zero(block):
            yield at, block
        at += len(block)
