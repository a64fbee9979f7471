"""Which object of the store has which other digest: locks pin by sha512 too."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from dcanary.download.model import Digest
from dcanary.file_places import is_regular, make_way
from dcanary.objects import MissingObject, Object, ObjectStore

_CHUNK_BYTES = 1 << 20


class Aliases:
    """Files named by a digest, each with the sha256 of the object that has it.

    They are hints: what an alias leads to is hashed before it is believed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, store: ObjectStore, digest: Digest) -> Object | None:
        """The sound object with a digest, if there is one. Raises PoisonedObject."""
        sha256 = digest.hex if digest.algorithm == "sha256" else self._read(digest)
        if not sha256:
            return None
        try:
            with store.open(sha256) as file:
                hashed = hashlib.new(digest.algorithm)
                while chunk := file.read(_CHUNK_BYTES):
                    hashed.update(chunk)
                if hashed.hexdigest() != digest.hex:
                    self._path(digest).unlink(missing_ok=True)
                    return None
                size = os.fstat(file.fileno()).st_size
        except (MissingObject, ValueError):
            return None
        return Object(sha256, size, store.path(sha256))

    def remember(self, digest: Digest, sha256: str) -> None:
        """Note that the object `sha256` has another digest as well."""
        if digest.algorithm == "sha256":
            return
        path = self._path(digest)
        make_way(path)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.write_text(sha256)
        temporary.replace(path)

    def _read(self, digest: Digest) -> str:
        path = self._path(digest)
        with contextlib.suppress(OSError, UnicodeError):
            # A pipe would be waited for without end.
            return path.read_text() if is_regular(path) else ""
        return ""

    def _path(self, digest: Digest) -> Path:
        return self._folder / digest.algorithm / digest.hex[:2] / digest.hex[2:]
