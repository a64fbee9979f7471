"""`mops.toml` and `mops.lock`: packages and canisters of Motoko.

Format: docs.mops.one, "mops.toml file reference". `[canisters]` holds `name = "main.mo"` or a table
with `main`, `candid` and `initArg`.
"""

from __future__ import annotations

import re

from dcanary.project.detectors.protocol import Findings
from dcanary.project.facts import Canister, Dependency, Kind, MopsPackage, Place
from dcanary.project.folder import Folder, inside, parent
from dcanary.project.reading.toml_text import read_toml
from dcanary.project.reading.values import Value

FILE = "mops.toml"
LOCK = "mops.lock"
INSTALLED = ".mops"
"""Where mops puts packages, beside its file. Some repositories have it in Git."""
MAX_VENDORED = 500
_VENDORED = re.compile(r"(?P<name>[A-Za-z0-9_-]{1,100})@(?P<version>[0-9A-Za-z.+-]{1,100})")


class Mops:
    """Reads `mops.toml`, in the folder or where the canisters of icp-cli are."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """Add the package and its canisters."""
        files = [FILE] if folder.has(FILE) else []
        places = [place for one in found.canisters.values() for place in one.places]
        beside = {parent(place.file) for place in places}
        files += [one for one in folder.named(FILE) if parent(one) in beside]
        for file in dict.fromkeys(files):
            root = folder.values(file, read_toml)
            if root is None:
                continue
            if found.mops is None:
                found.mops = _package(folder, file, root)
            for name, about in (root.get("canisters") or Value({}, 1)).items():
                _add(found, file, name, about)


def _package(folder: Folder, file: str, root: Value) -> MopsPackage:
    base = parent(file)
    lock = LOCK if base == "." else f"{base}/{LOCK}"
    dependencies = [
        Dependency(name, version.inner if isinstance(version.inner, str) else "", place)
        for name, version in (root.get("dependencies") or Value({}, 1)).items()
        for place in [Place(file, version.line)]
    ]
    return MopsPackage(
        place=Place(file, (root.get("package") or Value({}, 1)).line),
        name=root.text("package", "name"),
        dependencies=tuple(dependencies),
        lock=lock if folder.has(lock) else "",
        compiler=root.text("toolchain", "moc"),
        flags=root.texts("moc", "args"),
        vendored=tuple(_vendored(folder, base, {one.name: one.version for one in dependencies})),
    )


def _vendored(folder: Folder, base: str, asked: dict[str, str]) -> list[tuple[str, str]]:
    """Names and source folders of packages below `.mops`, unless Git ignores that folder.

    Of two versions the one that `mops.toml` asks for, else the later one, as mops does. A name may
    pin a version, such as `core@1`: those are known that a `mops.toml` there asks for.
    """
    place = INSTALLED if base == "." else f"{base}/{INSTALLED}"
    if any(_ignores(folder, where) for where in dict.fromkeys((".", base))):
        return []
    there = list(filter(None, map(_VENDORED.fullmatch, folder.hidden(place, MAX_VENDORED))))
    pinned = {name for name in asked if "@" in name}
    for each in there:
        pinned |= _pinned(folder, f"{place}/{each[0]}/{FILE}")
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for each in there:
        package, version = each["name"], each["version"]
        order = tuple(map(int, re.findall(r"[0-9]{1,9}", version)))
        for name in (package, *(one for one in pinned if f"{each[0]}.".startswith(f"{one}."))):
            rank = (int(version == asked.get(name)), *order)
            found[name] = max(found.get(name, ((), "")), (rank, f"{place}/{each[0]}/src"))
    return [(name, source) for name, (_, source) in sorted(found.items())]


def _pinned(folder: Folder, file: str) -> set[str]:
    """Names with a version in them that a package's `mops.toml` asks for."""
    root = folder.values(file, read_toml) if folder.has_hidden(file) else None
    dependencies = (root.get("dependencies") if root else None) or Value({}, 1)
    return {name for name, _ in dependencies.items() if "@" in name}


def _ignores(folder: Folder, base: str) -> bool:
    file = ".gitignore" if base == "." else f"{base}/.gitignore"
    lines = (folder.text(file) or "").splitlines() if folder.has(file) else ()
    return any(re.fullmatch(r"(\*\*)?/?\.mops(/|/\*|/\*\*)?", line.strip()) for line in lines)


def _add(found: Findings, file: str, name: str, about: Value) -> None:
    base = parent(file)
    main = about.inner if isinstance(about.inner, str) else about.text("main")
    found.add(
        Canister(
            name=name,
            kind=Kind.MOTOKO,
            places=(Place(file, about.line),),
            main=inside(main, base) if main else "",
            candid=inside(about.text("candid"), base) if about.text("candid") else "",
            init_arg=about.text("initArg"),
            flags=about.texts("args"),
        )
    )
