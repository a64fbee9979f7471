"""Where two sets of files differ: which files, and which parts of modules."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from difflib import unified_diff
from pathlib import Path

from dcanary.cli.errors import UsageTrouble
from dcanary.client.errors import ClientError
from dcanary.pipeline.patterns import matches
from dcanary.wasm_binary.difference import module_difference

_WASM = b"\0asm"
_GZIP = b"\x1f\x8b"
MAX_UNPACKED = 256 * 1024 * 1024
"""Bytes of a module that is compared unpacked."""
MAX_TEXT = 256 * 1024
"""Bytes of a text that is compared line by line."""
MAX_LINES = 200
"""Lines of a difference that are shown of one file."""
CONTEXT = 2
"""Lines around a difference that are the same."""

ReadFile = Callable[[str], bytes]
Files = Mapping[str, tuple[int, str]]
"""Size and sha256 by path."""


def differences(ours: Files, theirs: Files, read: ReadFile, read_other: ReadFile) -> Iterator[str]:
    """A line for each file that differs, and indented ones for where; none when all are equal."""
    for path in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(path), theirs.get(path)
        if one is None or other is None:
            yield f"{path}: only in the {'second' if one is None else 'first'}"
        elif one != other:
            yield f"{path}: {one[0]:,} bytes in the first, {other[0]:,} in the second"
            try:
                yield from (f"  {line}" for line in within(read(path), read_other(path)))
            except ClientError as error:
                yield f"  the bytes cannot be had: {error.message}"


def within(ours: bytes, theirs: bytes) -> list[str]:
    """Where two contents differ. Modules are compared in parts, also when they are compressed."""
    one, other = unpacked(ours), unpacked(theirs)
    if one.startswith(_WASM) and other.startswith(_WASM):
        if one == other:
            return ["the same module, compressed otherwise"]
        return module_difference(one, other)
    before, after = _text(ours), _text(theirs)
    if before is not None and after is not None:
        return _lines(before, after)
    same = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    at = min(len(ours), len(theirs)) if same is None else same
    return [f"the first difference is at byte {at:,}"]


def _text(content: bytes) -> str | None:
    """A content as text, if that is what it is and it is not too long to be compared."""
    if len(content) > MAX_TEXT or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _lines(before: str, after: str) -> list[str]:
    """The lines in which two texts differ, as `diff -u` shows them without the names: `-` is of the
    first. At most MAX_LINES."""
    # Not splitlines: form feeds and the like are no line ends.
    one, other = before.split("\n"), after.split("\n")
    found = list(unified_diff(one, other, n=CONTEXT, lineterm=""))[2:]
    left = len(found) - MAX_LINES
    if left > 0:
        found = [*found[:MAX_LINES], f"… {left} more lines"]
    return found


def unpacked(content: bytes) -> bytes:
    """What a gzip file holds; other content, and what is too large unpacked, as it is."""
    if not content.startswith(_GZIP):
        return content
    try:
        unpacker = zlib.decompressobj(wbits=31)
        found = unpacker.decompress(content, MAX_UNPACKED)
    except zlib.error:
        return content
    return found if unpacker.eof else content


def files_in(folder: Path, artifacts: list[str] | None) -> dict[str, tuple[int, str]]:
    """The files of a folder; links are not followed. With entries, only what they take.

    Raises UsageTrouble when the folder cannot be read.
    """
    found: dict[str, tuple[int, str]] = {}

    def refuse(error: OSError) -> None:
        raise UsageTrouble(f"{error.filename} cannot be read: {error.strerror}")

    for place, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            file = Path(place) / name
            path = file.relative_to(folder).as_posix()
            if file.is_symlink() or not file.is_file():
                continue
            if artifacts is None or any(matches(each, path) for each in artifacts):
                with file.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                found[path] = (file.stat().st_size, digest)
    return found
