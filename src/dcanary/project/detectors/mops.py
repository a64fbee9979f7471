"""`mops.toml` and `mops.lock`: packages and canisters of Motoko.

Format: docs.mops.one, "mops.toml file reference". `[canisters]` holds `name = "main.mo"` or a table
with `main`, `candid` and `initArg`.
"""

from __future__ import annotations

from dcanary.project.detectors.protocol import Findings
from dcanary.project.facts import Canister, Dependency, Kind, MopsPackage, Place
from dcanary.project.folder import Folder, inside, parent
from dcanary.project.reading.toml_text import read_toml
from dcanary.project.reading.values import Value

FILE = "mops.toml"
LOCK = "mops.lock"


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
    )


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
