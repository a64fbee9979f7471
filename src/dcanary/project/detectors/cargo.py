"""`Cargo.toml`: the crates of a workspace, and which of them make canisters."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

from dcanary.project.detectors.protocol import Findings
from dcanary.project.facts import Canister, CargoFile, Crate, Kind, Place
from dcanary.project.folder import Folder, inside, parent
from dcanary.project.reading.toml_text import read_toml
from dcanary.project.reading.values import Value

FILE = "Cargo.toml"
MAX_PATTERNS = 200
_VERSION = re.compile(r"^version = (\d{1,4})$", re.MULTILINE)
LOCK = "Cargo.lock"
TOOLCHAIN = "rust-toolchain.toml"
SETTINGS = (".cargo/config.toml", ".cargo/config")


class Cargo:
    """Reads `Cargo.toml`, and those of the members of its workspace."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """Add the crates, and the canisters that no other file names."""
        files = [FILE] if folder.has(FILE) else folder.named(FILE)
        if not files:
            return
        root = folder.values(files[0], read_toml)
        if root is None:
            return
        members = [
            file for file in folder.named(FILE) if _is_member(file, files, root.get("workspace"))
        ]
        crates = [crate for file in members if (crate := _crate(folder, file))]
        workspace = root.get("workspace")
        base = parent(files[0])
        lock = LOCK if base == "." else f"{base}/{LOCK}"
        first = workspace or root.get("package") or root
        found.cargo = CargoFile(
            place=Place(files[0], first.line),
            workspace=workspace is not None,
            crates=tuple(crates),
            lock=lock if folder.has(lock) else "",
            toolchain=_toolchain(folder),
            lock_version=_lock_version(folder, lock),
            vendor=_vendor(folder, base),
            target=_target(folder, base),
        )
        known = {one.package for one in found.canisters.values()}
        rust = [one for one in found.canisters.values() if one.kind is Kind.RUST]
        for crate in crates:
            # A canister that is built by a script names no crate, and may be any of them.
            if crate.canister and crate.name not in known and not any(not r.package for r in rust):
                found.add(Canister(crate.name, Kind.RUST, (crate.place,), package=crate.name))


def _toolchain(folder: Folder) -> str:
    if not folder.has(TOOLCHAIN):
        return ""
    root = folder.values(TOOLCHAIN, read_toml)
    return root.text("toolchain", "channel") if root is not None else ""


def _lock_version(folder: Folder, lock: str) -> int:
    # Only this: with all its packages a lock is too large to be read as TOML for a number.
    found = _VERSION.search(folder.text(lock) or "") if folder.has(lock) else None
    return int(found[1]) if found else 0


def _settings(folder: Folder, base: str) -> Iterator[tuple[str, Value]]:
    """The folders and contents of cargo's settings, the nearest to the workspace first."""
    for above in dict.fromkeys((base, ".")):
        for file in SETTINGS:
            name = file if above == "." else f"{above}/{file}"
            root = folder.values(name, read_toml) if folder.has_hidden(name) else None
            if root is not None:
                yield above, root


def _vendor(folder: Folder, base: str) -> str:
    """Where cargo finds the crates when the repository has them ("source replacement" in the
    Cargo book)."""
    for above, root in _settings(folder, base):
        by = root.text("source", "crates-io", "replace-with")
        place = inside(root.text("source", by, "directory"), above) if by else ""
        if place and folder.has_folder(place):
            return place
    return ""


def _target(folder: Folder, base: str) -> str:
    found = (root.text("build", "target") for _, root in _settings(folder, base))
    return next((target for target in found if target), "")


def _is_member(file: str, files: list[str], workspace: Value | None) -> bool:
    """Whether a file belongs to the first one: itself, a member of it, or found without a root."""
    if file == files[0] or (len(files) > 1 and workspace is None):
        return True
    if workspace is None:
        return False
    base = parent(files[0])
    patterns = [inside(one, base) for one in workspace.texts("members")[:MAX_PATTERNS]]
    left_out = [inside(one, base) for one in workspace.texts("exclude")[:MAX_PATTERNS]]
    here = parent(file)
    return any(fnmatch.fnmatchcase(here, one) for one in patterns if one) and not any(
        fnmatch.fnmatchcase(here, one) for one in left_out if one
    )


def _crate(folder: Folder, file: str) -> Crate | None:
    root = folder.values(file, read_toml)
    package = root.get("package") if root is not None else None
    if root is None or package is None:
        return None
    kinds = root.get("lib", "crate-type")
    on_ic = root.get("dependencies", "ic-cdk")
    canister = on_ic is not None and "cdylib" in root.texts("lib", "crate-type")
    place = Place(file, kinds.line if canister and kinds is not None else package.line)
    return Crate(place, package.text("name") or folder.root.name, parent(file), canister)
