"""Whether a file in gzip is the file that it stands for. Plain Python.

Browsers get the packed form where they may. That it was agreed on says who made it, not that it has
the same content: this canister holds the bytes of both, and looks.
"""

import hashlib
import zlib
from typing import TYPE_CHECKING

from shared.rules.limits import MIB

if TYPE_CHECKING:
    from canisters.deployment.steps.served import Content


class Unpacked:
    """What the chunks of a file in gzip unpack to; never much more than the file has."""

    def __init__(self, content: "Content") -> None:
        self._content = content
        self._stream = zlib.decompressobj(31)
        self._hasher = hashlib.sha256()
        self._size = 0
        self._is_bad = False

    def take(self, packed: bytes) -> None:
        """Take the next bytes."""
        while packed and not self._is_bad:
            try:
                content = self._stream.decompress(packed, MIB)
            except zlib.error:
                self._is_bad = True
                return
            self._take(content)
            # After the end of the stream nothing may follow.
            self._is_bad = self._is_bad or self._stream.unused_data != b""
            packed = self._stream.unconsumed_tail

    def _take(self, content: bytes) -> None:
        self._hasher.update(content)
        self._size += len(content)
        self._is_bad = self._is_bad or self._size > self._content.unpacked_size

    def is_whole(self) -> bool:
        """Whether what was taken is the whole file."""
        if not self._is_bad:
            self._take(self._stream.flush())
        return (
            not self._is_bad
            and self._stream.eof
            and self._hasher.hexdigest() == self._content.unpacked
        )
