"""Contents of files of a tree, for tests."""

import io
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Held:
    """Content in memory."""

    bytes_: bytes

    @property
    def size(self) -> int:
        return len(self.bytes_)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.bytes_)
