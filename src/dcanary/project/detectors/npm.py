"""`package.json`: scripts, packages, the kind of lock file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dcanary.project.detectors.protocol import Findings
from dcanary.project.facts import Dependency, NodePackage, Place
from dcanary.project.folder import Folder, parent
from dcanary.project.reading.json_text import read_json
from dcanary.project.reading.values import Value

FILE = "package.json"
LOCKS = (
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
)
TOOLS = ("azle", "vite", "webpack", "react", "vue", "svelte", "next")
INSTALLS = ("preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare")
"""Scripts of a package that `npm ci` runs in its own folder."""
_RUNS = re.compile(r"\b(?:npm|pnpm|yarn|bun)\s+run(?:-script)?\s+([\w:.-]+)")
"""One script that calls another one of its package."""
MAX_PACKAGES = 50
"""Files that are read: the packages of a large workspace say the same fifty times."""


class Npm:
    """Reads `package.json` files, those nearest to the root first."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """Add the packages."""
        files = folder.named(FILE)
        for file in files[:MAX_PACKAGES]:
            root = folder.values(file, read_json)
            if root is None:
                continue
            if isinstance(root.inner, dict):
                found.node.append(_package(folder, file, root))
            else:
                folder.note(file, "not a mapping", root.line)
        if len(files) > MAX_PACKAGES:
            folder.note(files[MAX_PACKAGES], f"more than {MAX_PACKAGES} {FILE}: others not read")


def _package(folder: Folder, file: str, root: Value) -> NodePackage:
    dependencies = [
        Dependency(name, version.inner if isinstance(version.inner, str) else "", place)
        for group in ("dependencies", "devDependencies", "optionalDependencies")
        for name, version in (root.get(group) or Value({}, 1)).items()
        for place in [Place(file, version.line)]
    ]
    names = {one.name for one in dependencies}
    lock = _lock(folder, parent(file))
    scripts = [(name, root.text("scripts", name)) for name in ("build", "test")]
    begin = next((name for name, text in scripts if text), "")
    return NodePackage(
        place=Place(file, root.line),
        folder=parent(file),
        name=root.text("name"),
        scripts=tuple(one for one in scripts if one[1]),
        dependencies=tuple(dependencies),
        lock=lock,
        lock_tool=_tool(folder, lock) if lock else "",
        tools=tuple(tool for tool in TOOLS if tool in names),
        installs=tuple((name, text) for name in INSTALLS if (text := root.text("scripts", name))),
        ran=tuple(_ran(file, root, begin)),
    )


def _ran(file: str, root: Value, begin: str) -> Iterator[tuple[str, str, Place]]:
    """The scripts that are run with one of them, each once: its hooks, and what it calls."""
    seen = {begin}
    waiting = [begin] if begin else []
    while waiting:
        name = waiting.pop(0)
        for one in (f"pre{name}", name, f"post{name}"):
            value = root.get("scripts", one)
            if value is None or not isinstance(value.inner, str) or (one != name and one in seen):
                continue
            seen.add(one)
            yield one, value.inner, Place(file, value.line)
            called = [other for other in _RUNS.findall(value.inner) if other not in seen]
            seen.update(called)
            waiting += called


def _lock(folder: Folder, base: str) -> str:
    """The lock file of a package: beside it, or, in a workspace, in a folder above."""
    while True:
        for name in LOCKS:
            path = name if base == "." else f"{base}/{name}"
            if folder.has(path):
                return path
        if base == ".":
            return ""
        base = parent(base)


def _tool(folder: Folder, lock: str) -> str:
    """What wrote a lock file; a version that the images do not have is named."""
    name = lock.rpartition("/")[2]
    if name in ("package-lock.json", "npm-shrinkwrap.json"):
        return "npm"
    if name.startswith("bun."):
        return "Bun"
    text = folder.text(lock) or ""
    if name == "yarn.lock":
        return "Yarn 2 or later" if re.search(r"^__metadata:", text, re.MULTILINE) else "Yarn 1"
    version = re.search(r"^lockfileVersion: *'?([\w.]*)", text, re.MULTILINE)
    if version and version[1].partition(".")[0] != "9":
        return f"pnpm 8 or earlier (lockfileVersion {version[1]})"
    return "pnpm"
