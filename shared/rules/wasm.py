"""What can be told of a WebAssembly module by walking over its sections. Plain Python.

A module may be large and come in pieces: the walk keeps only the header that it is in, and skips
what is inside sections. Names of custom sections follow the Internet Computer interface
specification and Motoko ("enhanced orthogonal persistence").
"""

GZIP_MAGIC = b"\x1f\x8b"
MAGIC = b"\0asm"
MODULE_VERSION = b"\1\0\0\0"
PERSISTENCE = "enhanced-orthogonal-persistence"
MAX_HEADER_BYTES = 200


class SectionWalk:
    """Reads a module from `feed` to `feed`.

    `wanted` is the offset of the next byte that matters; `problem` says why it is no module;
    `persists` whether it keeps its heap over upgrades.
    """

    def __init__(self) -> None:
        self.wanted = 0
        self.problem: str | None = None
        self.persists = False
        self._held = b""

    def feed(self, offset: int, content: bytes) -> None:
        """Take the bytes at `offset`. Those before `wanted` are passed over."""
        start = self.wanted + len(self._held) - offset
        if self.problem is not None or start >= len(content):
            return
        if start < 0:
            raise ValueError(f"bytes from {self.wanted + len(self._held)} on are missing")
        self._held += content[start:]
        while self.problem is None and self._step():
            pass

    def _step(self) -> bool:
        """Pass one header, and what it heads; False when more bytes are needed."""
        held = self._held
        if self.wanted == 0:
            if len(held) < 8:
                return False
            if held[:4] != MAGIC:
                self.problem = "it does not begin with the magic bytes of WebAssembly"
            elif held[4:8] != MODULE_VERSION:
                self.problem = "it is not a core module of WebAssembly version 1"
            self._skip(8)
            return True
        size, at = _leb(held, 1)
        if at is None:
            return False
        if held[0] == 0:
            length, name_at = _leb(held, at)
            if name_at is None:
                return False
            name_end = name_at + min(length, MAX_HEADER_BYTES)
            if len(held) < name_end:
                return False
            name = held[name_at:name_end].decode("utf-8", "replace")
            if name.endswith(PERSISTENCE):
                self.persists = True
        self._skip(at + size)
        return True

    def _skip(self, count: int) -> None:
        self.wanted += count
        self._held = self._held[count:]


def _leb(content: bytes, at: int) -> "tuple[int, int | None]":
    """(number, offset after it) of a LEB128 at `at`; no offset when bytes are missing."""
    value = 0
    shift = 0
    while at < len(content) and shift < 70:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value, at)
        shift += 7
    return (0, None)
