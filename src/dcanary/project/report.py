"""What was found, as lines for people and as plain values for programs."""

from __future__ import annotations

from dataclasses import asdict

from dcanary.project.facts import Canister, Project

MAX_LISTED = 30
MAX_ABOUT_CHARS = 80


def lines(project: Project) -> list[str]:
    """One line a fact, each with its file and line."""
    found = [_canister(one) for one in project.canisters[:MAX_LISTED]]
    if len(project.canisters) > MAX_LISTED:
        found.append(f"{len(project.canisters) - MAX_LISTED} more canisters")
    if project.mops is not None:
        mops = project.mops
        name = f"package {mops.name}, " if mops.name else ""
        lock = mops.lock or "no mops.lock"
        found.append(f"{mops.place}: {name}{_count(len(mops.dependencies), 'dependency')}, {lock}")
    if project.cargo is not None:
        cargo = project.cargo
        kind = "workspace of " if cargo.workspace else ""
        lock = cargo.lock or "no Cargo.lock"
        found.append(f"{cargo.place}: {kind}{_count(len(cargo.crates), 'crate')}, {lock}")
    for node in project.node[:MAX_LISTED]:
        parts = [
            f"npm package {node.name}" if node.name else "npm package",
            _count(len(node.dependencies), "dependency"),
            node.lock or "no lock file",
        ]
        if node.scripts:
            parts.append("scripts " + " and ".join(name for name, _ in node.scripts))
        if node.tools:
            parts.append("with " + ", ".join(node.tools))
        found.append(f"{node.place}: {', '.join(parts)}")
    if project.library is not None:
        library = project.library
        modules = _count(len(library.modules), "module")
        found.append(f"{library.place}: Motoko library {library.name}, {modules}")
    if project.asset_module is not None:
        found.append(f"{project.asset_module.place}: module of an asset canister")
    for site in project.sites:
        found.append(f"{site.place}: static site, {_count(len(site.files), 'file')}")
    return found


def _canister(one: Canister) -> str:
    about = one.main or one.package or one.wasm or ", ".join(one.source) or " && ".join(one.build)
    places = ", ".join(map(str, one.places))
    short = about if len(about) <= MAX_ABOUT_CHARS else f"{about[: MAX_ABOUT_CHARS - 1]}…"
    said = f" ({short})" if about else ""
    return f"{places}: {one.kind.value} canister {one.name}{said}"


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number or 'no'} {plural}"


def values(project: Project) -> dict[str, object]:
    """The facts as JSON values: lists and mappings of texts, numbers and truth values."""
    plain = asdict(project)
    plain["canisters"] = [{**asdict(one), "kind": one.kind.value} for one in project.canisters]
    return plain
