"""Where chunks of artifacts lie, and how long each is. Plain Python."""

from shared.rules.limits import MAX_CHUNK_BYTES


def chunk_count(size: int) -> int:
    return -(-size // MAX_CHUNK_BYTES)


def chunk_bytes(size: int, index: int) -> int:
    """Exact length of chunk `index` of a file: all but the last are full."""
    return min(MAX_CHUNK_BYTES, size - index * MAX_CHUNK_BYTES)


def chunk_key(place: str, index: int) -> str:
    return f"{place}#{index}"
