"""Rust canisters: cargo in the image rust, with the crates that Cargo.lock pins.

They are fetched, unless the repository has them (`cargo vendor`)."""

from __future__ import annotations

import re
import shlex

from dcanary import not_yet
from dcanary.project.facts import Canister, CargoFile, Kind, Project
from dcanary.project.plan.fit import (
    PAGE,
    Fit,
    NotYet,
    Open,
    Values,
    argument,
    argument_values,
    name_for,
    no_lock,
    steps_after,
)

HEADING = f"{PAGE}#rust-and-azle"
DONE = frozenset({"shrink", "metadata"})
"""Steps after the build that this pipeline does."""
OLD, NEW = "rust", "rust-web"
"""The images with Debian's Rust 1.63 and 1.96."""
OLD_MINOR, OLD_LOCK = 63, 3
"""The latest version of Rust 1 and of the lock's format that the older image knows."""
_WASI = re.compile(r"\bwasm32-wasi(?:p\d)?\b")
_PACKAGE = re.compile(r"(?:--package|-p)[ =]+([A-Za-z0-9_-]+)")


class RustPlanner:
    """Plans canisters that cargo builds."""

    def plan(self, project: Project, canister: Canister) -> Fit | NotYet:
        """See `Planner`."""
        cargo = project.cargo
        if cargo is None:
            return NotYet((Open("there is no Cargo.toml", canister.place, HEADING),))
        package = canister.package or _named(canister) or _only(cargo)
        if not package:
            text = "it names no crate: which one is built cannot be told"
            return NotYet((Open(text, canister.place, HEADING),))
        apart = _apart(cargo, package)
        if apart is not None:
            return NotYet((apart,))
        wasi = _WASI.search("\n".join((cargo.target, *canister.build)))
        if wasi:
            text = not_yet.RUST_WASI.sentence(wasi[0])
            return NotYet((Open(text, canister.place, HEADING),))
        if not cargo.lock:
            return no_lock("its crates", "Cargo.lock", "cargo generate-lockfile", cargo.place)
        name = name_for(canister.name)
        values: Values = {
            "name": name,
            "branch": project.branch,
            "package": package,
            "flags": _flags(cargo),
            "steps": _steps(canister, name),
            "image": _image(cargo),
            **({} if cargo.vendor else {"lock": cargo.lock}),
            **argument_values(canister),
        }
        return Fit(
            "rust-vendored" if cargo.vendor else "rust",
            values,
            (*_toolchain(cargo), *steps_after(canister, DONE), *argument(project, canister, None)),
            canister.dependencies,
        )


def _apart(cargo: CargoFile, package: str) -> Open | None:
    """Why a crate is not built that has no workspace in common with the Cargo.toml that is used."""
    crate = next((one for one in cargo.crates if one.name == package), None)
    if crate is None or cargo.workspace or crate.place.file == cargo.place.file:
        return None
    text = (
        f"its crate has no workspace in common with {cargo.place.file}, and packages come from one "
        "Cargo.lock: make one Cargo.toml with [workspace] of both"
    )
    return Open(text, crate.place, HEADING)


def without_canister(project: Project) -> Open | None:
    """What is said of crates that make no canister; None where some does, or may."""
    cargo = project.cargo
    if cargo is None or any(crate.canister for crate in cargo.crates):
        return None
    for canister in project.canisters:
        if canister.kind is Kind.RUST or any("cargo" in line for line in canister.build):
            return None
    text = (
        "no crate of it makes a canister (that has ic-cdk among its dependencies and crate-type = "
        '["cdylib"]), so nothing of it is built'
    )
    return Open(text, cargo.place, HEADING)


def _named(canister: Canister) -> str:
    """The crate that a build command names."""
    found = _PACKAGE.search("\n".join(canister.build))
    return found[1] if found else ""


def _only(cargo: CargoFile) -> str:
    """The crate that makes a canister, if there is one only."""
    found = [crate.name for crate in cargo.crates if crate.canister]
    return found[0] if len(found) == 1 else ""


def _flags(cargo: CargoFile) -> list[str]:
    file = cargo.place.file
    return [] if file == "Cargo.toml" else ["--manifest-path", file]


def _steps(canister: Canister, name: str) -> list[str]:
    """What makes the module smaller and puts its interface into it and beside it."""
    module = shlex.quote(f"build/{name}.wasm")
    steps = [f"ic-wasm {module} -o {module} shrink"]
    if canister.candid:
        candid = shlex.quote(canister.candid)
        steps += [
            f"ic-wasm {module} -o {module} metadata candid:service -f {candid} -v public",
            f"cp {candid} {shlex.quote(f'build/{name}.did')}",
        ]
    return steps


def _image(cargo: CargoFile) -> str:
    """The older image builds faster, because it has the library for WebAssembly."""
    if cargo.lock_version > OLD_LOCK:
        return NEW
    found = re.fullmatch(r"1\.(\d{1,4})(?:\.\d{1,4})?", cargo.toolchain)
    is_old = int(found[1]) <= OLD_MINOR if found else not cargo.toolchain
    return OLD if is_old else NEW


def _toolchain(cargo: CargoFile) -> list[Open]:
    if not cargo.toolchain:
        return []
    has = "1.63" if _image(cargo) == OLD else "1.96"
    text = f"rust-toolchain.toml asks for Rust {cargo.toolchain}: the image has {has}"
    return [Open(text, cargo.place, HEADING)]
