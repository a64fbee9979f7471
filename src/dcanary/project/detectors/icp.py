"""`icp.yaml`: the canisters of icp-cli, inline or in `canister.yaml` files that it names.

Schema: docs/reference/configuration.md of dfinity/icp-cli. A canister is built by a recipe
(`@dfinity/motoko@…`) or by steps of type script or pre-built.
"""

from __future__ import annotations

import fnmatch
import re

from dcanary.project.detectors.dfx import dcanary_build, moc_program
from dcanary.project.detectors.protocol import MAX_PROGRAMS, Findings
from dcanary.project.facts import Canister, Kind, Place
from dcanary.project.folder import Folder, inside, parent
from dcanary.project.reading.values import Value
from dcanary.project.reading.yaml_text import read_yaml

FILE = "icp.yaml"
CANISTER_FILE = "canister.yaml"
_RECIPE = re.compile(r"@dfinity/([a-z-]+)(?:@.*)?")
_RECIPES = {
    "motoko": Kind.MOTOKO,
    "rust": Kind.RUST,
    "asset-canister": Kind.ASSETS,
    "static-site": Kind.ASSETS,
    "prebuilt": Kind.PREBUILT,
    "azle": Kind.AZLE,
}
_EXTRAS = ("shrink", "metadata", "optimize", "compress")


class Icp:
    """Reads `icp.yaml` and the `canister.yaml` files that it names."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """Add its canisters."""
        if not folder.has(FILE):
            return
        root = folder.values(FILE, read_yaml)
        if root is None:
            return
        canisters = root.get("canisters")
        entries = list(canisters.entries()) if canisters else []
        if root.get("canister") is not None:
            folder.note(FILE, "the key canister is of icp-cli before 0.1: not read", root.line)
        if len(entries) > MAX_PROGRAMS:
            folder.note(FILE, f"more than {MAX_PROGRAMS} canisters: the others are not read")
        for entry in entries[:MAX_PROGRAMS]:
            if isinstance(entry.inner, str):
                named = _named(folder, entry.inner)
                for file in named:
                    about = folder.values(file, read_yaml)
                    if about is not None:
                        _add(folder, found, file, about)
                if not named:
                    folder.note(FILE, f"no {CANISTER_FILE} is in {entry.inner}", entry.line)
            else:
                _add(folder, found, FILE, entry)


def _named(folder: Folder, pattern: str) -> list[str]:
    """The files that an entry names: a file, a folder with one, or a pattern of either."""
    bare = inside(pattern)
    if not bare:
        return []
    wanted = (bare, f"{bare}/{CANISTER_FILE}")
    return [
        name
        for name in folder.files
        if name.endswith((".yaml", ".yml")) and any(fnmatch.fnmatchcase(name, w) for w in wanted)
    ]


def _add(folder: Folder, found: Findings, file: str, about: Value) -> None:
    name = about.text("name")
    if not name:
        folder.note(file, "a canister without a name", about.line)
        return
    base = parent(file)
    recipe = about.text("recipe", "type")
    settings = about.get("recipe", "configuration") or Value({}, about.line)
    steps = about.get("build", "steps")
    scripts: list[str] = []
    wasm = ""
    prebuilt = False
    for step in steps.entries() if steps else ():
        scripts += [*step.texts("command"), *step.texts("commands")]
        if step.text("type") == "pre-built":
            prebuilt = True
            wasm = inside(step.text("path"), base) or step.text("url")
    named = about.get("name")
    commands = [tuple(one.split()) for one in scripts]
    mains = [main for one in commands if (main := dcanary_build(one) or moc_program(one))]
    found.add(
        Canister(
            name=name,
            kind=_kind(recipe, scripts, prebuilt),
            places=(Place(file, named.line if named else about.line),),
            main=_path(settings.text("main") or next(iter(mains), ""), base),
            package=settings.text("package"),
            candid=_path(settings.text("candid"), base),
            wasm=wasm or _path(settings.text("path"), base),
            build=tuple(scripts) or settings.texts("build"),
            source=tuple(filter(None, (_path(one, base) for one in settings.texts("dir")))),
            flags=tuple(" ".join(settings.texts("args")).split()),
            init_arg=about.text("init_args") or about.text("init_args", "value"),
            recipe=recipe,
            extras=tuple(key for key in _EXTRAS if settings.get(key) is not None),
        )
    )


def _path(name: str, base: str) -> str:
    return inside(name, base) if name else ""


def _kind(recipe: str, scripts: list[str], prebuilt: bool) -> Kind:
    if found := _RECIPE.fullmatch(recipe):
        return _RECIPES.get(found[1], Kind.CUSTOM)
    text = "\n".join(scripts)
    if prebuilt and not scripts:
        return Kind.PREBUILT
    if "kybra" in text or "dcanary build" in text:
        return Kind.KYBRA
    if any(moc_program(tuple(one.split())) for one in scripts):
        return Kind.MOTOKO
    if "azle" in text:
        return Kind.AZLE
    if re.search(r"\bcargo\b", text):
        return Kind.RUST
    return Kind.CUSTOM
