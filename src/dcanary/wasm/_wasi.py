"""The system that the interpreter sees at build time: WASI 0.2 over an in-memory file tree.

Every answer depends on the tree alone: times and random bytes are fixed, folders are sorted, and
identities are derived from paths. Functions and layouts are those of the WASI 0.2 interfaces in
the canonical ABI; results carry their error at an offset given by the alignment of their value.
"""

from __future__ import annotations

import ctypes
import hashlib
import posixpath
import struct
from collections.abc import Callable
from typing import Any

import wasmtime

from dcanary.wasm._tree import Tree
from dcanary.wasm.errors import BuildError, SourceError

STDIN, STDOUT, STDERR = 1, 2, 3
"""Handles of the standard streams; the glue's stubs give out the same ones."""

BUILD_TIME = 1_700_000_000
"""Seconds since the Unix epoch that the clock shows while a canister is being built."""

_NO_ENTRY, _INVALID, _READ_ONLY = 20, 12, 33
_FOLDER, _FILE = 3, 6
_LARGEST_READ = 1 << 20
_OPEN_CREATES = 1


class Wasi:
    """Answers the imports of one instance. `output` gets what the guest prints."""

    def __init__(self, store: wasmtime.Store, tree: Tree, output: Callable[[str], None]) -> None:
        self._store = store
        self._tree = tree
        self._output = output
        self._handles: dict[int, Any] = {}
        self._next = 16
        self._ticks = 0
        self._lines = b""
        self._memory: wasmtime.Memory
        self._realloc: wasmtime.Func

    def attach(self, instance: wasmtime.Instance) -> None:
        """Name the instance whose memory the answers go to."""
        exports: Any = instance.exports(self._store)
        self._memory, self._realloc = exports["memory"], exports["cabi_realloc"]

    def flush(self) -> None:
        """Hand a line that was begun but not ended to `output`."""
        if self._lines:
            self._output(self._lines.decode(errors="replace"))
        self._lines = b""

    def define(self, linker: wasmtime.Linker, module: wasmtime.Module) -> None:
        """Define every import of `module`, the System API included (unreachable while building)."""
        for row in module.imports:
            interface, name = row.module.partition("@")[0], row.name or ""
            answer = self._find(interface, name)
            assert isinstance(row.type, wasmtime.FuncType)
            linker.define_func(row.module, name, row.type, answer)

    def _find(self, interface: str, name: str) -> Callable[..., Any]:
        if name.startswith("[resource-drop]"):
            return self._drop
        key = name.rpartition(".")[2]
        found: dict[str, dict[str, Callable[..., Any]]] = {
            "wasi:cli/environment": {"get-environment": self._empty, "get-arguments": self._empty},
            "wasi:cli/stdin": {"get-stdin": lambda: STDIN},
            "wasi:cli/stdout": {"get-stdout": lambda: STDOUT},
            "wasi:cli/stderr": {"get-stderr": lambda: STDERR},
            "wasi:cli/terminal-stdin": {"get-terminal-stdin": self._empty},
            "wasi:cli/terminal-stdout": {"get-terminal-stdout": self._empty},
            "wasi:cli/terminal-stderr": {"get-terminal-stderr": self._empty},
            "ic0": {"trap": self._trap},
            "wasi:cli/exit": {"exit": self._exit},
            "wasi:clocks/monotonic-clock": {"now": self._tick, "resolution": lambda: 1},
            "wasi:clocks/wall-clock": {"now": self._now, "resolution": self._resolution},
            "wasi:random/random": {"get-random-bytes": self._zeros},
            "wasi:filesystem/preopens": {"get-directories": self._folders},
            "wasi:filesystem/types": self._file_functions(),
            "wasi:io/streams": {
                "read": self._stream_read,
                "check-write": lambda stream, at: self._put(at, struct.pack("<QQ", 0, 1 << 16)),
                "write": self._stream_write,
                "blocking-flush": lambda stream, at: self._put(at, b"\0"),
            },
        }
        return found.get(interface, {}).get(key) or self._refusal(f"{interface} {name}")

    def _file_functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "stat": lambda handle, at: self._put(at, self._stat(self._handles[handle])),
            "stat-at": self._stat_at,
            "open-at": self._open_at,
            "get-flags": lambda handle, at: self._put(at, b"\0\1"),
            "metadata-hash": lambda handle, at: self._identity(self._handles[handle], at),
            "metadata-hash-at": self._identity_at,
            "read-via-stream": self._read_via_stream,
            "read": self._read,
            "advise": lambda handle, offset, length, advice, at: self._put(at, b"\0"),
            "read-directory": self._read_folder,
            "read-directory-entry": self._next_entry,
            "readlink-at": self._readlink_at,
            "create-directory-at": lambda handle, path, size, at: self._fail(at, 1, _READ_ONLY),
            "remove-directory-at": lambda handle, path, size, at: self._fail(at, 1, _READ_ONLY),
            "unlink-file-at": lambda handle, path, size, at: self._fail(at, 1, _READ_ONLY),
        }

    def _trap(self, at: int, size: int) -> None:
        text = self.take(at, size).decode(errors="replace")
        raise BuildError(f"the interpreter stopped while the canister was being built: {text}")

    @staticmethod
    def _refusal(name: str) -> Callable[..., Any]:
        def refuse(*arguments: int) -> None:
            what = name.removeprefix("wasi:")
            raise SourceError(
                f"module-level code used something that a canister does not have ({what}); "
                "remove it"
            )

        return refuse

    # Memory of the guest.

    def _base(self) -> int:
        pointer = self._memory.data_ptr(self._store)
        return ctypes.addressof(pointer.contents)

    def take(self, at: int, size: int) -> bytes:
        """Read from the guest's memory."""
        if at + size > self._memory.data_len(self._store):
            raise BuildError("the interpreter named memory that it does not have")
        return ctypes.string_at(self._base() + at, size)

    def _put(self, at: int, data: bytes) -> None:
        if at + len(data) > self._memory.data_len(self._store):
            raise BuildError("the interpreter named memory that it does not have")
        ctypes.memmove(self._base() + at, data, len(data))

    def give(self, data: bytes, alignment: int = 1) -> int:
        """Copy bytes to newly allocated memory of the guest and return their address."""
        if not data:
            return alignment
        at = int(self._realloc(self._store, 0, 0, alignment, len(data))) & 0xFFFFFFFF
        self._put(at, data)
        return at

    def _new(self, thing: Any) -> int:
        self._next += 1
        self._handles[self._next] = thing
        return self._next

    def _drop(self, handle: int) -> None:
        self._handles.pop(handle, None)

    def _fail(self, at: int, offset: int, code: int) -> None:
        self._put(at, b"\1" + bytes(offset - 1) + bytes([code]))

    # Environment, clocks, random.

    def _empty(self, at: int) -> None:
        self._put(at, bytes(8))

    def _exit(self, status: int) -> None:
        raise SourceError("module-level code called exit; a canister cannot end itself, remove it")

    def _tick(self) -> int:
        self._ticks += 1000
        return self._ticks

    def _now(self, at: int) -> None:
        self._put(at, struct.pack("<QI", BUILD_TIME, 0))

    def _resolution(self, at: int) -> None:
        self._put(at, struct.pack("<QI", 0, 1))

    def _zeros(self, size: int, at: int) -> None:
        self._put(at, struct.pack("<2I", self.give(bytes(size)), size))

    # Files.

    def _folders(self, at: int) -> None:
        root = struct.pack("<3I", self._new("/"), self.give(b"/"), 1)
        self._put(at, struct.pack("<2I", self.give(root, 4), 1))

    def _path(self, handle: int, path: int, size: int) -> str:
        text = self.take(path, size).decode(errors="surrogateescape")
        return posixpath.normpath(posixpath.join(self._handles[handle], text))

    def _exists(self, path: str) -> bool:
        return self._tree.is_folder(path) or self._tree.read(path) is not None

    def _stat(self, path: str) -> bytes:
        folder = self._tree.is_folder(path)
        size = 0 if folder else len(self._tree.read(path) or b"")
        head = struct.pack("<B7xB7xQQ", 0, _FOLDER if folder else _FILE, 1, size)
        return head + struct.pack("<B7xQI4x", 1, BUILD_TIME, 0) * 3

    def _stat_at(self, handle: int, flags: int, path: int, size: int, at: int) -> None:
        name = self._path(handle, path, size)
        if self._exists(name):
            self._put(at, self._stat(name))
        else:
            self._fail(at, 8, _NO_ENTRY)

    def _open_at(
        self, handle: int, flags: int, path: int, size: int, how: int, mode: int, at: int
    ) -> None:
        name = self._path(handle, path, size)
        if how & _OPEN_CREATES:
            self._fail(at, 4, _READ_ONLY)
        elif self._exists(name):
            self._put(at, struct.pack("<II", 0, self._new(name)))
        else:
            self._fail(at, 4, _NO_ENTRY)

    def _identity(self, path: str, at: int) -> None:
        self._put(at, bytes(8) + hashlib.sha256(path.encode()).digest()[:16])

    def _identity_at(self, handle: int, flags: int, path: int, size: int, at: int) -> None:
        name = self._path(handle, path, size)
        if self._exists(name):
            self._identity(name, at)
        else:
            self._fail(at, 8, _NO_ENTRY)

    def _readlink_at(self, handle: int, path: int, size: int, at: int) -> None:
        exists = self._exists(self._path(handle, path, size))
        self._fail(at, 4, _INVALID if exists else _NO_ENTRY)

    def _read_via_stream(self, handle: int, offset: int, at: int) -> None:
        content = self._tree.read(self._handles[handle]) or b""
        self._put(at, struct.pack("<II", 0, self._new([content, offset])))

    def _read(self, handle: int, length: int, offset: int, at: int) -> None:
        content = self._tree.read(self._handles[handle]) or b""
        piece = content[offset : offset + min(length, _LARGEST_READ)]
        ended = offset + len(piece) >= len(content)
        self._put(at, struct.pack("<4I", 0, self.give(piece), len(piece), ended))

    def _read_folder(self, handle: int, at: int) -> None:
        path = self._handles[handle]
        entries = [(name, posixpath.join(path, name)) for name in self._tree.names(path)]
        self._put(at, struct.pack("<II", 0, self._new(entries)))

    def _next_entry(self, handle: int, at: int) -> None:
        entries = self._handles[handle]
        if not entries:
            self._put(at, bytes(20))
            return
        name, path = entries.pop(0)
        kind = _FOLDER if self._tree.is_folder(path) else _FILE
        data = name.encode()
        self._put(at, struct.pack("<5I", 0, 1, kind, self.give(data), len(data)))

    # Streams.

    def _stream_read(self, stream: int, size: int, at: int) -> None:
        source = self._handles.get(stream)
        piece = b""
        if source is not None:
            content, offset = source
            piece = content[offset : offset + min(size, _LARGEST_READ)]
            source[1] += len(piece)
        if piece:
            self._put(at, struct.pack("<III", 0, self.give(piece), len(piece)))
        else:  # stream-error.closed: the end
            self._put(at, struct.pack("<II", 1, 1))

    def _stream_write(self, stream: int, data: int, size: int, at: int) -> None:
        self._lines += self.take(data, size)
        *lines, self._lines = self._lines.split(b"\n")
        for line in lines:
            self._output(line.decode(errors="replace"))
        self._put(at, b"\0")
