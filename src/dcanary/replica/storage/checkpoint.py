"""Checkpoints: the whole state in a folder that appears under its name only when complete."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dcanary.replica.engine.core import Core
from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, EngineError
from dcanary.replica.state.records import Canister, Subnet
from dcanary.replica.storage import codec, images, manifest
from dcanary.replica.storage.damage import Damaged
from dcanary.replica.storage.manifest import Entry, Manifest
from dcanary.replica.vm.body import Body

STATE = "state.cbor"
_OLD_FORMAT = b"dcanary-checkpoint-1\n"
_FLUSHERS = 8


def write(
    folder: Path, previous: tuple[Path, Manifest] | None, core: Core, empty: Manifest
) -> None:
    """Write the state of the subnet into an empty folder, through to the disk.

    Images that have not changed are shared with `previous`. `empty` names the checkpoint. Raises
    OSError.
    """
    files: dict[str, Entry] = {}
    bodies: dict[bytes, list[int | bytes | None]] = {}
    for canister in core.subnet.canisters.values():
        body = core.bodies.get(canister.id)
        if body is None:
            continue
        heap, stable = body.memory, body.stable
        bodies[canister.id] = [heap.committed_size, stable.pages, body.globals]
        for suffix, size, changed, read_bytes in (
            ("heap", heap.committed_size, heap.changed, heap.read_image),
            ("stable", stable.size, stable.changed, stable.read),
        ):
            name = f"{canister.id.hex()}.{suffix}"
            same = None if changed else _share(folder, previous, name)
            files[name] = same or Entry(size, images.write(folder / name, size, read_bytes))
    content = codec.encode([core.subnet, bodies])
    (folder / STATE).write_bytes(content)
    files[STATE] = Entry(len(content), hashlib.sha256(content).hexdigest())
    blobs = sorted(used_blobs(core.subnet))
    whole = Manifest(empty.number, empty.id, empty.subnet, files, blobs)
    (folder / manifest.NAME).write_bytes(whole.encode())
    core.blobs.save(blobs)
    _flush([folder / name for name in (*files, manifest.NAME)])
    _flush([folder])


def _share(folder: Path, previous: tuple[Path, Manifest] | None, name: str) -> Entry | None:
    """Take an image over from the last checkpoint, when it has it."""
    if previous is None or name not in previous[1].files:
        return None
    if not images.link(folder / name, previous[0] / name):
        return None
    return previous[1].files[name]


def _flush(paths: list[Path]) -> None:
    """Wait until the disk has these files; at once, because they share the disk's flushes."""

    def flush_one(path: Path) -> None:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    with ThreadPoolExecutor(min(_FLUSHERS, len(paths))) as pool:
        for _ in pool.map(flush_one, paths):
            pass


def mark_saved(core: Core) -> None:
    """Note that all images are in the newest checkpoint."""
    for body in core.bodies.values():
        body.memory.changed = False
        body.stable.changed = False


def used_blobs(subnet: Subnet) -> set[bytes]:
    """sha256 of every blob that the state refers to."""
    used: set[bytes] = set()
    for canister in subnet.canisters.values():
        used.add(canister.module)
        used.update(canister.chunks)
        for snapshot in canister.snapshots.values():
            used.update((snapshot.module, snapshot.heap, snapshot.stable, *snapshot.chunks))
            for part in snapshot.parts.values():
                used.update(one.content for one in part.slices)
    return used - {b""}


def read(
    folder: Path, found: Manifest | None, core: Core, check_blob: Callable[[bytes], None]
) -> Subnet:
    """Read a checkpoint; `found` None: one of format 1, which has no manifest.

    `check_blob` is called with each blob that the state refers to. Raises `Damaged`, and
    `EngineError` for a state of a later version.
    """
    subnet, bodies = read_state(folder, found)
    for blob in used_blobs(subnet):
        check_blob(blob)
    try:
        for canister_id, (heap, stable, values) in bodies.items():
            _read_body(folder, found, core, subnet.canisters[canister_id], heap, stable, values)
    except (KeyError, ValueError, CallError) as error:
        raise EngineError(
            f"checkpoint {folder} cannot be loaded ({error}): it is whole, so this version of "
            "dcanary cannot run what was installed there; use the version that wrote it"
        ) from error
    return subnet


def read_state(folder: Path, found: Manifest | None) -> tuple[Subnet, dict[bytes, list[Any]]]:
    """The state without memories; sizes and globals by canister. Raises as `read`."""
    path = folder / STATE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Damaged(path, None, f"it cannot be read ({error.strerror or error})") from error
    if found is None:
        data = _old_state(path, data)
    elif STATE not in found.files or found.files[STATE].size != len(data):
        raise Damaged(path, None, f"it has {len(data)} bytes, which is not what was written")
    elif hashlib.sha256(data).hexdigest() != found.files[STATE].sha256:
        raise Damaged(path, None, "its content has another sha256 than what was written")
    try:
        subnet, bodies = codec.decode(data)
        if not isinstance(subnet, Subnet):
            raise ValueError("no subnet in it")
    except ValueError as error:
        raise EngineError(
            f"{path} is of a format that this version does not know ({error}); use the version of "
            "dcanary that wrote it"
        ) from error
    return subnet, bodies


def _old_state(path: Path, data: bytes) -> bytes:
    if not data.startswith(_OLD_FORMAT):
        raise Damaged(path.parent / manifest.NAME, None, "it is missing")
    content = data[len(_OLD_FORMAT) + 4 :]
    if zlib.crc32(content).to_bytes(4, "little") != data[len(_OLD_FORMAT) : len(_OLD_FORMAT) + 4]:
        raise Damaged(path, None, "wrong checksum")
    return content


def read_image(
    folder: Path, found: Manifest | None, name: str, size: int, take: images.Take | None
) -> None:
    """Read and check one image. Raises `Damaged`."""
    entry = None if found is None else found.files.get(name)
    if found is not None and (entry is None or entry.size != size):
        raise Damaged(folder / manifest.NAME, None, f"it has no {name} of {size} bytes")
    images.read(folder / name, size, entry.sha256 if entry else None, take)


def _read_body(
    folder: Path,
    found: Manifest | None,
    core: Core,
    canister: Canister,
    heap: int,
    pages: int,
    values: bytes | None,
) -> None:
    module = None
    if canister.module:
        module = core.runtime.compiler.module(core.blobs.get(canister.module))
    body = Body(core.runtime, module)
    core.bodies[canister.id] = body
    body.globals = values
    body.memory.set_image_size(heap)
    name = canister.id.hex()
    read_image(folder, found, f"{name}.heap", heap, body.memory.write_image)
    size = pages * limits.WASM_PAGE
    if body.stable.grow(pages) < 0:
        raise EngineError(f"there is no memory for {size} bytes of stable memory of {name}")
    read_image(folder, found, f"{name}.stable", size, body.stable.write)
    body.stable.commit()
    body.memory.changed = False
    body.stable.changed = False
