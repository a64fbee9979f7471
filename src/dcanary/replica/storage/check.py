"""Verifies a state folder without starting an engine on it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dcanary.replica.engine.blobs import Blobs
from dcanary.replica.state import limits
from dcanary.replica.storage import checkpoint, log, old_log
from dcanary.replica.storage.damage import Damaged
from dcanary.replica.storage.folder import Folder, lock
from dcanary.replica.storage.manifest import Manifest


@dataclass(slots=True)
class Checked:
    """What was found. `files` were read, the checkpoint's and the log's; `inputs` are in the log.
    `subnet` is whose state it is, empty when that is not known."""

    checkpoint: int = 0
    canisters: int = 0
    files: int = 0
    inputs: int = 0
    subnet: bytes = b""
    damage: list[Damaged] = field(default_factory=list)


def check(root: Path) -> Checked:
    """Read and verify everything that a start would rely on; changes nothing.

    Raises `EngineError` when an engine has the folder open, or for a state of a later version.
    """
    folder = Folder(root)
    held = lock(folder.lock) if folder.lock.exists() else -1
    try:
        return _check(folder)
    finally:
        if held >= 0:
            os.close(held)


def _check(folder: Folder) -> Checked:
    found = Checked(folder.newest())
    found.damage += [Damaged(path, None, "it is not a folder") for path in folder.misplaced()]
    if found.checkpoint == 0:
        try:
            folder.check_empty()
        except Damaged as damage:
            found.damage.append(damage)
        return found
    try:
        manifest = folder.manifest(found.checkpoint)
    except Damaged as damage:
        found.damage.append(damage)
        return found
    if manifest is not None:
        found.files += 1
        found.subnet = manifest.subnet
    _check_state(folder, manifest, found)
    _check_log(folder, manifest, found)
    return found


def _check_state(folder: Folder, manifest: Manifest | None, found: Checked) -> None:
    path = folder.checkpoint(found.checkpoint)
    found.files += 1
    try:
        subnet, bodies = checkpoint.read_state(path, manifest)
    except Damaged as damage:
        found.damage.append(damage)
        if manifest is not None:
            _check_blobs(folder, manifest.blobs, found)
        return
    found.canisters = len(subnet.canisters)
    _check_blobs(folder, checkpoint.used_blobs(subnet), found)
    for canister, (heap, pages, _) in bodies.items():
        for suffix, size in (("heap", heap), ("stable", pages * limits.WASM_PAGE)):
            found.files += 1
            try:
                checkpoint.read_image(path, manifest, f"{canister.hex()}.{suffix}", size, None)
            except Damaged as damage:
                found.damage.append(damage)


def _check_blobs(folder: Folder, digests: Iterable[bytes], found: Checked) -> None:
    blobs = Blobs(folder.blobs)
    for blob in sorted(digests):
        found.files += 1
        try:
            folder.check_blob(blob, blobs)
        except Damaged as damage:
            found.damage.append(damage)


def _check_log(folder: Folder, manifest: Manifest | None, found: Checked) -> None:
    path = folder.log(found.checkpoint)
    found.files += 1
    if manifest is None:
        entries, damage = old_log.read(path)
    else:
        content = log.read(path, found.checkpoint, manifest.id)
        entries, damage = content.entries, content.damage
    found.inputs = len(entries)
    if damage is not None:
        found.damage.append(damage)
