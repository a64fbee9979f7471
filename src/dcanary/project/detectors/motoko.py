"""Motoko sources: which files declare actors, and what they import."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from dcanary.project.detectors.protocol import MAX_PROGRAMS, Findings
from dcanary.project.facts import Canister, Kind, MopsPackage, MotokoLibrary, MotokoProgram, Place
from dcanary.project.folder import Folder, inside, parent

MAX_SOURCES = 2_000
_TEST_FOLDERS = frozenset({"test", "tests", "bench", "benches", "example", "examples", "e2e"})
_BLANK = re.compile(
    r'"(?:[^"\\\n]|\\.)*"' r"|//[^\n]*" r"|/\*.*?(?:\*/|\Z)",
    re.DOTALL,
)
# Repetitions are possessive or bounded: no source makes a search take longer than its length asks.
_IMPORT = re.compile(
    r'^[ \t]*+import\b[^"\n;{]*+(?:\{[^}"]{0,2000}+\}[^"\n;]*+)?"([^"\n]*)"', re.MULTILINE
)
_ACTOR = re.compile(
    r"^[ \t]*+(?:\(\s*+with[^)]{0,2000}+\)\s*+)?"
    r"(?:shared\s*+(?:\([^)]{0,2000}+\)|\{[^}]{0,2000}+\}|(?!persistent\b|actor\b)\w++)?\s*+)?"
    r"(?P<persistent>persistent\s++)?actor\b\s*+(?P<class>class\b\s*+)?\w*+\s*+(?P<next>[({<=]?)"
    r"(?P<argument>\s*+[^)\s])?",
    re.MULTILINE,
)


class Motoko:
    """Reads the programs of known canisters; takes other files with an actor for canisters."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """Add programs, canisters that no manifest names, and the modules of a library."""
        sources = [one for one in folder.files if one.endswith(".mo")]
        if len(sources) > MAX_SOURCES:
            folder.note(".", f"more than {MAX_SOURCES} Motoko files: the others are not read")
            sources = sources[:MAX_SOURCES]
        mains = [
            one.main
            for one in found.canisters.values()
            if one.kind is Kind.MOTOKO and folder.has(one.main)
        ]
        manifest = found.has_manifest()
        if not manifest:
            mains = [one for one in sources if _may_be_main(one)]
        imports = _Imports(folder)
        for main in mains:
            if len(found.motoko) >= MAX_PROGRAMS:
                folder.note(
                    main, f"more than {MAX_PROGRAMS} Motoko programs: not read from here on"
                )
                break
            program = _program(imports, main)
            if program is None:
                continue
            found.motoko[main] = program
            if not manifest:
                name = found.name_for(main)
                found.add(Canister(name, Kind.MOTOKO, (program.place,), main=main))
        # Without `[package]` the file is also that of canisters; where there are none, what mops
        # finds beside it are the modules of a library.
        if found.mops is not None and (found.mops.name or not found.canisters):
            found.library = _library(folder, found.mops, found.mops.name or found.name, sources)


class _Imports:
    """Targets of the imports of each file, with their lines; a file is searched once."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._known: dict[str, list[tuple[str, int]]] = {}

    def of(self, file: str) -> list[tuple[str, int]]:
        """The imports of a file; none when it cannot be read."""
        if file not in self._known:
            source = bare(self.folder.text(file) or "")
            self._known[file] = list(_targets(source))
        return self._known[file]


def _targets(source: str) -> Iterator[tuple[str, int]]:
    line, at = 1, 0
    for found in _IMPORT.finditer(source):
        line += source.count("\n", at, found.start(1))
        at = found.start(1)
        yield found[1], line


def _may_be_main(name: str) -> bool:
    folders = PurePosixPath(name).parts[:-1]
    return not _TEST_FOLDERS.intersection(folders) and not name.endswith((".test.mo", ".bench.mo"))


def bare(text: str) -> str:
    """The source without comments; its line ends stay."""

    def kept(found: re.Match[str]) -> str:
        piece = found[0]
        return piece if piece.startswith('"') else "\n" * piece.count("\n")

    return _BLANK.sub(kept, text)


def _program(imports: _Imports, main: str) -> MotokoProgram | None:
    """The program that a file declares; None when it declares no actor."""
    folder = imports.folder
    text = folder.text(main)
    if text is None:
        return None
    source = bare(text)
    actor = _ACTOR.search(source)
    if actor is None:
        return None
    packages: dict[str, Place] = {}
    canisters: dict[str, Place] = {}
    missing: dict[str, Place] = {}
    seen = {main}
    waiting = [main]
    while waiting:
        file = waiting.pop(0)
        for target, line in imports.of(file):
            place = Place(file, line)
            scheme, colon, _ = target.partition(":")
            if colon and scheme == "mo":
                if name := _package(target):
                    packages.setdefault(name, place)
            elif colon and scheme in ("canister", "ic"):
                canisters.setdefault(target, place)
            elif colon:
                missing.setdefault(target, place)
            else:
                local = _local(folder, target, parent(file))
                if not local:
                    missing.setdefault(target, place)
                elif local not in seen and len(seen) < MAX_SOURCES:
                    seen.add(local)
                    waiting.append(local)
    word = re.search(r"\b(?:persistent|actor)\b", actor[0])
    start = actor.start() + (word.start() if word else 0)
    return MotokoProgram(
        place=Place(main, source.count("\n", 0, start) + 1),
        persistent=actor["persistent"] is not None,
        takes_argument=bool(actor["class"] and actor["next"] == "(" and actor["argument"]),
        packages=tuple(packages.items()),
        canisters=tuple(canisters.items()),
        missing=tuple(missing.items()),
    )


def _library(
    folder: Folder, mops: MopsPackage, name: str, sources: list[str]
) -> MotokoLibrary | None:
    """The modules below `src` beside `mops.toml`, where mops looks for those of a package."""
    base = parent(mops.place.file)
    own = "src" if base == "." else f"{base}/src"
    modules = [one for one in sources if one.startswith(f"{own}/") and _may_be_main(one)]
    if not modules:
        return None
    packages: dict[str, Place] = {}
    imports = _Imports(folder)
    for file in modules:
        for target, line in imports.of(file):
            package = _package(target)
            if package:
                packages.setdefault(package, Place(file, line))
    return MotokoLibrary(mops.place, name, own, tuple(modules), tuple(packages.items()))


def _package(target: str) -> str:
    """The package of an import; empty for any other, and for what is in the compiler itself."""
    name = target[3:].partition("/")[0] if target.startswith("mo:") else ""
    return "" if name in ("⛔", "prim") else name


def _local(folder: Folder, target: str, base: str) -> str:
    """The file that a relative import names: `X`, `X.mo` or `X/lib.mo`."""
    path = inside(target, base)
    if not path:
        return ""
    for name in (path, f"{path}.mo", f"{path}/lib.mo"):
        if folder.has(name) and name.endswith((".mo", ".did")):
            return name
    return ""
