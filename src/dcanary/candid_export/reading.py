"""The interface that a module tells: by its metadata, else by `get_candid_pointer`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from dcanary.candid import DidSyntaxError, parse_interface
from dcanary.candid_export import bounds
from dcanary.wasm_binary.leb128 import MalformedModule, decode_unsigned
from dcanary.wasm_binary.sections import find, raw_ranges, read_exports

ENTRY = "get_candid_pointer"
_NAMES = (b"icp:public candid:service", b"icp:private candid:service")
_CUSTOM, _EXPORTS = 0, 7
# The child has limits of its own; this is for one that the machine does not let run.
_WALL_SECONDS = 300


class InterfaceError(Exception):
    """A module is none, or what it tells is no interface; the text says which."""


def interface_text(module: bytes) -> str | None:
    """The `.did` of a module, plain or in gzip; None when it tells none.

    The same bytes give the same text everywhere. Raises InterfaceError.
    """
    raw = decompressed(module)
    try:
        text = _metadata(raw)
        if text is None:
            text = _exported(raw)
    except (MalformedModule, IndexError) as error:
        raise InterfaceError(f"this is no WebAssembly module: {error}") from error
    if text is None:
        return None
    try:
        parse_interface(text)
    except DidSyntaxError as error:
        raise InterfaceError(
            f"the interface that the module tells is no Candid: {error}"
        ) from error
    return text


def decompressed(module: bytes) -> bytes:
    """The bytes of a module that may be in gzip. Raises InterfaceError."""
    if module[:2] == b"\x1f\x8b":
        try:
            stream = zlib.decompressobj(wbits=31)
            module = stream.decompress(module, bounds.MAX_MODULE_BYTES + 1)
        except zlib.error as error:
            raise InterfaceError(f"the module is no whole gzip file: {error}") from error
        if not stream.eof and len(module) <= bounds.MAX_MODULE_BYTES:
            raise InterfaceError("the module is no whole gzip file: its end is missing")
    if len(module) > bounds.MAX_MODULE_BYTES:
        raise InterfaceError(f"the module has more than {bounds.MAX_MODULE_BYTES} bytes")
    if module[:8] != b"\0asm\x01\0\0\0":
        raise InterfaceError("this is no WebAssembly module")
    return module


def _metadata(module: bytes) -> str | None:
    found: dict[bytes, tuple[int, int]] = {}
    for number, start, end in raw_ranges(module):
        if number == _CUSTOM:
            size, at = decode_unsigned(module, start)
            name = module[at : at + min(size, 100)]
            if name in _NAMES:
                found.setdefault(name, (at + size, end))
    for name in _NAMES:
        if name in found:
            return _read(module, *found[name], name.decode())
    return None


def _read(module: bytes, start: int, end: int, name: str) -> str:
    if end - start > bounds.MAX_DID_BYTES:
        raise InterfaceError(f"its {name} has more than {bounds.MAX_DID_BYTES} bytes")
    try:
        return module[start:end].decode()
    except UnicodeDecodeError as error:
        raise InterfaceError(f"its {name} is no UTF-8") from error


def _exported(module: bytes) -> str | None:
    body = find(module, _EXPORTS)
    if body is None or all(each.name != ENTRY for each in read_exports(body)):
        return None
    with tempfile.TemporaryDirectory(prefix="dcanary-candid-") as folder:
        file = Path(folder) / "module.wasm"
        file.write_bytes(module)
        command = [sys.executable, "-m", "dcanary.candid_export.child", str(file)]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_WALL_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise InterfaceError(f"compiling it takes more than {_WALL_SECONDS} s") from error
    if done.returncode != 0:
        raise InterfaceError(
            f"compiling it needs more than {bounds.CPU_SECONDS} s or {bounds.ADDRESS_SPACE} bytes"
        )
    told: dict[str, str] = json.loads(done.stdout)
    if "error" in told:
        raise InterfaceError(told["error"])
    return told["did"]
