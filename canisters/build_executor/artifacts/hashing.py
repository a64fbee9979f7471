"""The sha256 of files that arrive in chunks. No message hashes more than HASHED_CHUNKS of them.

What was hashed is in memory only, for hashlib's state cannot be stored: after an upgrade the chunks
that are there are hashed again, over as many messages as that takes.
"""

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from canisters.build_executor.artifacts.places import chunk_count, chunk_key

if TYPE_CHECKING:
    from shared.base.records import Lookup

# A chunk takes about 80 million instructions.
HASHED_CHUNKS = 40
# Each is one upload that is under way; the one begun first is forgotten, and hashed again.
MAX_OPEN_HASHES = 256


class Hashes:
    """The chunks of uploads, with the sha256 of the first ones of each upload."""

    def __init__(self, chunks: "Lookup[str, bytes]") -> None:
        self._chunks = chunks
        self._open: dict[str, tuple[Any, int]] = {}

    def put(self, place: str, index: int, content: bytes) -> None:
        """Keep a chunk, in the place of one that was sent before."""
        hasher, count = self._open.get(place) or (None, 0)
        key = chunk_key(place, index)
        if index < count:
            # What was hashed must be what is kept.
            if self._chunks.get(key) == content:
                return
            del self._open[place]
        self._chunks.insert(key, content)
        if index == count:
            hasher = hasher or self._begin(place)
            hasher.update(content)
            self._open[place] = (hasher, count + 1)

    def _begin(self, place: str) -> Any:
        while len(self._open) >= MAX_OPEN_HASHES:
            del self._open[next(iter(self._open))]
        hasher = sha256()
        self._open[place] = (hasher, 0)
        return hasher

    def digest(self, place: str, size: int) -> "str | int | None":
        """sha256 over the chunks at `place`, or the index of the first that is not there.

        None when there is more to hash than one message may: ask again.
        """
        hasher, first = self._open.get(place) or (None, 0)
        hasher = hasher or self._begin(place)
        count = chunk_count(size)
        for index in range(first, min(count, first + HASHED_CHUNKS)):
            content = self._chunks.get(chunk_key(place, index))
            if content is None:
                return index
            hasher.update(content)
            self._open[place] = (hasher, index + 1)
        if first + HASHED_CHUNKS < count:
            return None
        return str(hasher.hexdigest())

    def here(self, place: str, size: int) -> int:
        """How many of the first chunks are there."""
        for index in range(chunk_count(size)):
            if not self._chunks.contains_key(chunk_key(place, index)):
                return index
        return chunk_count(size)

    def close(self, place: str) -> None:
        """The upload has ended; its chunks stay."""
        self._open.pop(place, None)

    def drop(self, place: str, size: int) -> None:
        """Forget an upload with its chunks."""
        self.close(place)
        for index in range(chunk_count(size)):
            self._chunks.remove(chunk_key(place, index))
