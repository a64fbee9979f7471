"""Cargo.lock, versions 3 and 4, with crates of crates.io.

Git sources are refused: the lock names a commit, and no hash of the bytes that a server sends.
"""

from __future__ import annotations

import re

from dcanary import not_yet
from dcanary.fetch.locks.reader import from_hex, table_lines, toml_document
from dcanary.fetch.pinned import Pinned, ReadFile, Reading, Target, shown

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,128}")
_CRATES_IO = (
    "registry+https://github.com/rust-lang/crates.io-index",
    "sparse+https://index.crates.io/",
)
_AGAIN = "lock again with `cargo generate-lockfile` and commit the result"


class Cargo:
    """See `Reader`."""

    kind, tool, names = "cargo", "Cargo", "Cargo.lock"

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """See `Reader.read`."""
        found = toml_document(text)
        version = found.get("version")
        if version not in (3, 4):
            into.problem(
                file,
                0,
                f"version {shown(version or 'before 3')} is not supported, 3 and 4 are",
                "lock again with a cargo from 1.53 on, and commit the result",
            )
            return
        packages = found.get("package", [])
        if not isinstance(packages, list):
            into.problem(file, 0, "its packages are no list", _AGAIN)
            return
        lines = table_lines(text, "package")
        if len(lines) != len(packages):
            lines = [0] * len(packages)
        for line, entry in zip(lines, packages, strict=True):
            _read_entry(file, line, entry, into)


def _read_entry(file: str, line: int, entry: object, into: Reading) -> None:
    fields = entry if isinstance(entry, dict) else {}
    name, version, source = fields.get("name"), fields.get("version"), fields.get("source")
    what = shown(f"{name} {version}")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        into.problem(file, line, f"{what} is no name of a crate", _AGAIN)
    elif not isinstance(version, str) or not _VERSION.fullmatch(version):
        into.problem(file, line, f"{what} has no version", _AGAIN)
    elif source is None:
        # A crate of this repository: the commit pins it.
        return
    elif str(source).startswith("git+"):
        into.problem(
            file,
            line,
            f"{what} is a Git commit, whose bytes no hash in the lock pins",
            not_yet.GIT_DEPENDENCIES.sentence(name),
        )
    elif source not in _CRATES_IO:
        into.problem(
            file,
            line,
            f"{what} is from {shown(source)}",
            not_yet.OTHER_REGISTRIES.sentence(name),
        )
    elif (digest := from_hex("sha256", fields.get("checksum"))) is None:
        into.problem(file, line, f"{what} has no checksum: it is not pinned", _AGAIN)
    else:
        url = f"https://static.crates.io/crates/{name}/{name}-{version}.crate"
        into.pins.append(Pinned("cargo", name, version, url, (digest,), file, line))
