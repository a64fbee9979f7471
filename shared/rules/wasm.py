"""What can be told of a WebAssembly module by walking over its sections. Plain Python.

A module may be large and come in pieces: the walk keeps only the header that it is in, and skips
what is inside sections. Names of custom sections follow the Internet Computer interface
specification and Motoko ("enhanced orthogonal persistence").
"""

GZIP_MAGIC = b"\x1f\x8b"
MAGIC = b"\0asm"
MODULE_VERSION = b"\1\0\0\0"
PERSISTENCE = "enhanced-orthogonal-persistence"
SYSTEM_API = "ic0"
MAX_HEADER_BYTES = 200
# A larger import section is passed over: the install checks it in any case.
MAX_IMPORT_BYTES = 65_536

CUSTOM, IMPORTS, FUNCTIONS, MEMORIES, CODE, LAST = 0, 2, 3, 5, 10, 13
# Places of the sections 1 to 13: each may be there once, in this order (core specification, 5.5).
PLACES = (1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6)
# A flag of a memory's limits.
WIDE = 4
PAGE_BYTES = 65_536
# More than any network lets a canister have; the install refuses it.
MAX_PAGES = 1 << 24
MAX_LEB_BYTES = 5
TOO_LARGE = 1 << 64


class SectionWalk:
    """Reads a module from `feed` to `feed`, and its end from `finish`.

    `wanted` is the offset of the next byte that matters; `problem` says why it is no module that a
    canister can run; `persists` whether it keeps its heap over upgrades; `wide` whether its memory
    has 64-bit addresses; `memory_bytes` what it has of it at first.
    """

    def __init__(self) -> None:
        self.wanted = 0
        self.problem: str | None = None
        self.persists = False
        self.wide = False
        self.memory_bytes = 0
        self._held = b""
        self._place = 0
        self._has_functions = False
        self._has_code = False

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

    def finish(self, size: int) -> None:
        """Take the end of a module of `size` bytes."""
        if self.problem is not None:
            return
        if self.wanted == 0:
            self.problem = "it is shorter than the header of a module"
        elif self._held or self.wanted != size:
            self.problem = f"it is cut off: it ends at byte {size}, inside a section"
        elif self._has_functions and not self._has_code:
            self.problem = "it is cut off: it declares functions, and their code is missing"

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
        section = held[0]
        place = PLACES[section - 1] if 0 < section <= LAST else self._place
        if section > LAST:
            self.problem = f"it is damaged: there is no section {section}"
        elif section != CUSTOM and place <= self._place:
            self.problem = f"it is damaged: section {section} is there twice or out of order"
        elif section == CUSTOM:
            length, name_at = _leb(held, at)
            if name_at is None:
                return False
            name_end = name_at + min(length, MAX_HEADER_BYTES)
            if len(held) < min(name_end, at + size):
                return False
            name = held[name_at:name_end].decode("utf-8", "replace")
            if name.endswith(PERSISTENCE):
                self.persists = True
        elif section == IMPORTS and size <= MAX_IMPORT_BYTES:
            if len(held) < at + size:
                return False
            self.problem = _refuse_imports(held[at : at + size])
        elif section == MEMORIES and size >= 2:
            if len(held) < at + min(size, 2 + MAX_LEB_BYTES):
                return False
            if held[at] > 1:
                self.problem = "it declares several memories, and a canister has one"
            # Their count takes one byte; flags and least size follow.
            self.wide = held[at + 1] & WIDE != 0
            pages, _ = _leb(held[: at + size], at + 2)
            self.memory_bytes = min(pages, MAX_PAGES) * PAGE_BYTES
        elif section == FUNCTIONS:
            # One byte is the count of no functions.
            self._has_functions = size > 1
        elif section == CODE:
            self._has_code = True
        self._place = place
        self._skip(at + size)
        return True

    def _skip(self, count: int) -> None:
        self.wanted += count
        self._held = self._held[count:]


def _refuse_imports(content: bytes) -> "str | None":
    """Why no canister can have the imports in an import section, or None."""
    damaged = "its import section is damaged"
    count, at = _leb(content, 0)
    for _ in range(count):
        names = []
        for _ in range(2):
            length, start = _leb(content, at or 0)
            if at is None or start is None or start + length > len(content):
                return damaged
            at = start + length
            names.append(content[start:at].decode("utf-8", "replace"))
        if at is None or at >= len(content):
            return damaged
        what = ".".join(names)[:100]
        if content[at] != 0:
            return f"it imports {what}, and a canister can import functions only"
        if names[0] != SYSTEM_API:
            return (
                f"it imports {what}, and a canister can import functions of {SYSTEM_API} only: "
                "build it for the Internet Computer"
            )
        _, at = _leb(content, at + 1)
    return None


def _leb(content: bytes, at: int) -> "tuple[int, int | None]":
    """(number, offset after it) of a LEB128 of 32 bits at `at`; no offset when bytes are missing.

    One that has more bytes than 32 bits take is TOO_LARGE.
    """
    value = 0
    shift = 0
    while at < len(content):
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value, at)
        shift += 7
        if shift >= 35:
            return (TOO_LARGE, at)
    return (0, None)
