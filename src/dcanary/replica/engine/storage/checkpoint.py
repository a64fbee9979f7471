"""Checkpoints: the whole state in a folder that appears under its name only when complete."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

from dcanary.replica.engine import limits
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.errors import CallError, EngineFault
from dcanary.replica.engine.execution.body import Body
from dcanary.replica.engine.state import Canister, Subnet
from dcanary.replica.engine.storage import codec

_FORMAT = b"dcanary-checkpoint-1\n"
_STEP = 256 * limits.KIB
_ZEROS = bytes(_STEP)


def _write_image(
    target: Path,
    previous: Path | None,
    size: int,
    read: Callable[[int, int], bytes],
) -> None:
    """Write an image, leaving holes where it is zero; or share `previous`, the same image in the
    last checkpoint."""
    if previous is not None and previous.exists():
        try:
            os.link(previous, target)
            return
        except OSError:
            pass  # a file system without hard links
    with target.open("wb") as file:
        for offset in range(0, size, _STEP):
            block = read(offset, min(_STEP, size - offset))
            if block != _ZEROS[: len(block)]:
                file.seek(offset)
                file.write(block)
        file.truncate(size)


def write(folder: Path, previous: Path | None, core: Core) -> None:
    """Write the state of the subnet into an empty folder."""
    bodies: dict[bytes, list[int | bytes | None]] = {}
    for canister in core.subnet.canisters.values():
        body = canister.body
        if body is None:
            continue
        heap, stable = body.memory, body.stable
        bodies[canister.id] = [heap.committed_size, stable.pages, body.globals]
        for suffix, size, changed, read_bytes in (
            ("heap", heap.committed_size, heap.changed, heap.read_image),
            ("stable", stable.size, stable.changed, stable.read),
        ):
            name = f"{canister.id.hex()}.{suffix}"
            same = previous / name if previous and not changed else None
            _write_image(folder / name, same, size, read_bytes)
    content = codec.encode([core.subnet, bodies])
    checksum = zlib.crc32(content).to_bytes(4, "little")
    (folder / "state.cbor").write_bytes(_FORMAT + checksum + content)


def mark_saved(core: Core) -> None:
    """Note that all images are in the newest checkpoint."""
    for canister in core.subnet.canisters.values():
        if canister.body is not None:
            canister.body.memory.changed = False
            canister.body.stable.changed = False


def read(folder: Path, core: Core) -> Subnet:
    """Read a checkpoint. Raises `EngineFault` when it is damaged."""
    path = folder / "state.cbor"
    try:
        data = path.read_bytes()
        if not data.startswith(_FORMAT):
            raise ValueError("unknown format")
        content = data[len(_FORMAT) + 4 :]
        if zlib.crc32(content).to_bytes(4, "little") != data[len(_FORMAT) : len(_FORMAT) + 4]:
            raise ValueError("wrong checksum")
        subnet, bodies = codec.decode(content)
        if not isinstance(subnet, Subnet):
            raise ValueError("no subnet in it")
        for canister_id, (heap, stable, values) in bodies.items():
            _read_body(folder, core, subnet.canisters[canister_id], heap, stable, values)
    except (OSError, ValueError, KeyError, CallError) as error:
        raise EngineFault(
            f"checkpoint {folder} cannot be read ({error}); restore the state folder from a copy "
            "or delete it to start anew"
        ) from error
    return subnet


def _read_body(
    folder: Path, core: Core, canister: Canister, heap: int, pages: int, values: bytes | None
) -> None:
    module = None
    if canister.module:
        module = core.runtime.compiler.module(core.blobs.get(canister.module))
    body = Body(core.runtime, module)
    canister.body = body
    body.globals = values
    body.memory.set_image_size(heap)
    with (folder / f"{canister.id.hex()}.heap").open("rb") as file:
        for offset in range(0, heap, _STEP):
            block = file.read(_STEP)
            if len(block) != min(_STEP, heap - offset):
                raise ValueError(f"{file.name} is too short")
            if block != _ZEROS[: len(block)]:
                body.memory.write_image(offset, block)
    stable = (folder / f"{canister.id.hex()}.stable").read_bytes()
    if len(stable) != pages * limits.WASM_PAGE:
        raise ValueError(f"stable memory of {canister.id.hex()} is too short")
    body.stable.replace(stable)
    body.memory.changed = False
    body.stable.changed = False
