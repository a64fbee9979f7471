"""Vendored crates with a configuration that uses them, for `cargo build --offline --locked`."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Sequence

from dcanary.fetch.brought import Brought
from dcanary.fetch.layout.folder import Folder, LayoutError, dependency
from dcanary.objects import ObjectStore
from dcanary.tar_headers import BoundedTarInfo

_MAX_CRATE_FILES = 20_000
_MAX_CRATE_BYTES = 1 << 30
_VENDOR, _CHECKSUMS = "cargo/vendor", ".cargo-checksum.json"
_DAMAGED = (tarfile.TarError, zlib.error, EOFError, OSError)
# Cargo takes a relative folder as below the parent of the folder that the configuration is in.
_CONFIG = """\
[source.crates-io]
replace-with = "dcanary"

[source.dcanary]
directory = "vendor"

[net]
offline = true
"""


class CargoLayout:
    """See `Layout`."""

    kind = "cargo"

    def write(self, brought: Sequence[Brought], store: ObjectStore, folder: Folder) -> None:
        """See `Layout.write`."""
        folder.add("cargo/home/config.toml", _CONFIG.encode())
        for each in brought:
            _unpack(each, store, folder)

    def environment(self, mount: str) -> dict[str, str]:
        """See `Layout.environment`."""
        return {"CARGO_HOME": f"{mount}/cargo/home", "CARGO_NET_OFFLINE": "true"}


def _unpack(brought: Brought, store: ObjectStore, folder: Folder) -> None:
    pin = brought.pin
    name = f"{pin.name}-{pin.version}"
    files: dict[str, str] = {}
    size = 0
    try:
        with (
            store.open(brought.found.digest) as file,
            tarfile.open(fileobj=file, mode="r:gz", tarinfo=BoundedTarInfo) as archive,
        ):
            for member in archive:
                size += member.size
                if size > _MAX_CRATE_BYTES or len(files) >= _MAX_CRATE_FILES:
                    raise LayoutError(f"{dependency(pin)}: it is too large to unpack")
                if member.isdir():
                    continue
                path = member.name.removeprefix(f"{name}/")
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or path in (member.name, _CHECKSUMS):
                    held = ascii(member.name[:200])
                    raise LayoutError(
                        f"{dependency(pin)}: it holds {held}, which no crate may hold"
                    )
                # Cargo takes this name for a mark of its own.
                if path == ".cargo-ok":
                    continue
                executable = bool(member.mode & 0o111)
                entry = folder.add(f"{_VENDOR}/{name}/{path}", content, executable, of=pin)
                files[path] = entry.sha256
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # Trouble of this machine, such as a full disk.
        raise LayoutError(f"{dependency(pin)}: it is no archive of a crate", str(error)) from error
    checksums = {"files": files, "package": pin.digests[0].hex}
    folder.add(
        f"{_VENDOR}/{name}/{_CHECKSUMS}",
        json.dumps(checksums, sort_keys=True, separators=(",", ":")).encode(),
        of=pin,
    )
