"""Git LFS pointers: small files of the tree that name a file by its sha256 and size.

Source: git-lfs, docs/spec.md.
"""

import re
from dataclasses import dataclass

from dcanary.executor.source import LINK, Entry

MAX_POINTER_BYTES = 1_024
_VERSION = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER = re.compile(rb"\noid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n")


@dataclass(frozen=True)
class Pointer:
    """A file in Git LFS: sha256 in hexadecimal, and size in bytes."""

    sha256: str
    size: int


def read_pointer(entry: Entry) -> Pointer | None:
    """The pointer that a file of the tree is, or None."""
    if entry.mode == LINK or not 0 < entry.content.size <= MAX_POINTER_BYTES:
        return None
    content = entry.read()
    found = _POINTER.search(content)
    if not content.startswith(_VERSION) or found is None:
        return None
    return Pointer(found[1].decode(), int(found[2]))
