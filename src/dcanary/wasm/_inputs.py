"""CPython for WebAssembly, taken out of the installed componentize-py package.

The package keeps its libraries as Zstandard frames inside its extension module. They are looked up
by content: each library has one SHA-256, the same in the package's builds for every platform, so
neither the position of a frame nor the platform matters.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from dcanary.wasm.errors import ToolError

COMPONENTIZE_PY = "0.25.1"

LIBRARIES = {
    "libpython3.14.so": "0ab4ec14447dc6a983de96b294d904a9a2b77126a1b96ff1a6ae340c72405549",
    "libc.so": "f1b113e24a8c7774f361d7318ababd98124f3b75889f8b5fc0ab10f97c17e42d",
    "libwasi-emulated-signal.so": (
        "e6758eba79ff4f6daf93e4cab0ea6768ccb0d2657b00369ff4599d0593c1f4e9"
    ),
    "libwasi-emulated-getpid.so": (
        "9c09b6361fcf03bfa26a11e39177462472a2c293dbed9d9020b0c08b47166e8b"
    ),
    "libwasi-emulated-process-clocks.so": (
        "4d9173a2b8dbeaf1f6aca286c50eec651ef03bbe5c4c61cc8e2a5c0f3f3141c0"
    ),
}
"""File name -> SHA-256 of the shared libraries that make up the interpreter."""

STDLIB_SHA256 = "2198e963c7c29aa626347c1c2418e69ac5836250be00bebd240232968a353535"
"""SHA-256 of the uncompressed tar of the standard library."""

_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
_LARGEST_CONTENT = 64 << 20


@dataclass(frozen=True, slots=True)
class Inputs:
    """The interpreter's parts: shared libraries by file name, standard library by path."""

    libraries: dict[str, bytes]
    stdlib: dict[str, bytes]


def load_inputs() -> Inputs:
    """Read the interpreter's parts out of the installed package.

    Raises ToolError when the package is missing, has another version than the pinned one, or holds
    other bytes than the pinned ones.
    """
    wanted = {digest: name for name, digest in LIBRARIES.items()}
    wanted[STDLIB_SHA256] = ""
    found: dict[str, bytes] = {}
    for content in _contents(_extension_module().read_bytes()):
        name = wanted.get(hashlib.sha256(content).hexdigest())
        if name is not None:
            found[name] = content
            if len(found) == len(wanted):
                break
    missing = sorted((name or "standard library") for name in wanted.values() if name not in found)
    if missing:
        raise ToolError(
            f"componentize-py {COMPONENTIZE_PY} is installed but does not hold the pinned "
            f"{', '.join(missing)}; reinstall it from the lock file"
        )
    stdlib = _untar(found.pop(""))
    return Inputs(found, stdlib)


def _extension_module() -> Path:
    try:
        distribution = importlib.metadata.distribution("componentize-py")
    except importlib.metadata.PackageNotFoundError:
        raise ToolError(
            "the Python package componentize-py is not installed; install it with "
            f"'pip install componentize-py=={COMPONENTIZE_PY}'"
        ) from None
    if distribution.version != COMPONENTIZE_PY:
        raise ToolError(
            f"componentize-py {distribution.version} is installed, but the build is pinned to "
            f"{COMPONENTIZE_PY}; install it with 'pip install componentize-py=={COMPONENTIZE_PY}'"
        )
    for file in distribution.files or []:
        if file.name.startswith("componentize_py.") and file.suffix in (".so", ".pyd"):
            return Path(str(distribution.locate_file(file)))
    raise ToolError(
        f"componentize-py {COMPONENTIZE_PY} is installed without its extension module; reinstall it"
    )


def _contents(binary: bytes) -> Iterator[bytes]:
    """Yield the content of every Zstandard frame found in `binary`."""
    at = binary.find(_FRAME_MAGIC)
    while at >= 0:
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        try:
            content = decompressor.decompress(binary[at : at + _LARGEST_CONTENT])
        except zstandard.ZstdError:
            content = b""  # the magic number occurs in other data too
        if content and decompressor.eof:
            yield content
            at = binary.find(_FRAME_MAGIC, at + 18)
        else:
            at = binary.find(_FRAME_MAGIC, at + 4)


def _untar(data: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            handle = archive.extractfile(member) if member.isfile() else None
            if handle is not None:
                files[member.name.removeprefix("./")] = handle.read()
    return files
