"""The manifest of a checkpoint: every file that belongs to it, with size and sha256.

Text: a line that names the format, a line of JSON, the sha256 of both.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcanary.replica.storage.damage import Damaged

NAME = "manifest"
_FORMAT = b"dcanary-checkpoint-2\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the checkpoint. `sha256` is in hexadecimal (of images: see `images`)."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a checkpoint consists of. `id` (16 random bytes) ties its log to it."""

    number: int
    id: bytes
    subnet: bytes
    """Principal of the subnet whose state this is; empty when it has none."""
    files: dict[str, Entry] = field(default_factory=dict)
    blobs: list[bytes] = field(default_factory=list)
    """sha256 of the blobs that the state refers to."""

    def encode(self) -> bytes:
        value = {
            "number": self.number,
            "id": self.id.hex(),
            "subnet": self.subnet.hex(),
            "files": {name: [entry.size, entry.sha256] for name, entry in self.files.items()},
            "blobs": [blob.hex() for blob in self.blobs],
        }
        content = _FORMAT + json.dumps(value).encode() + b"\n"
        return content + hashlib.sha256(content).hexdigest().encode() + b"\n"


def read(path: Path, number: int) -> Manifest:
    """The manifest of that checkpoint. Raises `Damaged`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Damaged(path, None, f"it cannot be read ({error.strerror or error})") from error
    content, checksum = data[:-65], data[-65:]
    if hashlib.sha256(content).hexdigest().encode() + b"\n" != checksum:
        raise Damaged(path, None, "its sha256 at the end is not that of its content")
    if not content.startswith(_FORMAT):
        raise Damaged(path, 0, "it is of a format that this version does not know")
    found = _decode(json.loads(content[len(_FORMAT) :]))
    if found.number != number:
        raise Damaged(path, None, f"it is that of checkpoint {found.number}")
    return found


def _decode(value: dict[str, Any]) -> Manifest:
    return Manifest(
        number=value["number"],
        id=bytes.fromhex(value["id"]),
        subnet=bytes.fromhex(value["subnet"]),
        files={name: Entry(size, sha256) for name, (size, sha256) in value["files"].items()},
        blobs=[bytes.fromhex(blob) for blob in value["blobs"]],
    )
