"""`dfx.json`: canisters and defaults, as dfx reads them.

Schema: docs/dfx-json-schema.json of dfinity/sdk. A canister without a type is of type motoko.
"""

from __future__ import annotations

import shlex

from dcanary.project.detectors.protocol import MAX_PROGRAMS, Findings
from dcanary.project.facts import Canister, Kind, Place
from dcanary.project.folder import Folder, inside
from dcanary.project.reading.json_text import read_json
from dcanary.project.reading.values import Value

FILE = "dfx.json"
_TYPES: dict[str, Kind] = {kind.value: kind for kind in Kind if kind is not Kind.PREBUILT}
_EXTRAS = ("optimize", "shrink", "gzip", "metadata", "post_install", "tech_stack", "pullable")


class Dfx:
    """Reads `dfx.json`."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """Add its canisters."""
        if not folder.has(FILE):
            return
        root = folder.values(FILE, read_json)
        if root is None:
            return
        canisters = root.get("canisters")
        if canisters is None or not isinstance(canisters.inner, dict):
            folder.note(FILE, "it names no canisters", root.line)
            return
        defaults = root.get("defaults", "build")
        entries = list(canisters.items())
        if len(entries) > MAX_PROGRAMS:
            folder.note(FILE, f"more than {MAX_PROGRAMS} canisters: the others are not read")
        for name, about in entries[:MAX_PROGRAMS]:
            if not isinstance(about.inner, dict):
                folder.note(FILE, f"canister {name}: not a mapping", about.line)
            elif about.get("remote", "id") is not None and not about.texts("main"):
                folder.note(FILE, f"canister {name}: runs elsewhere, nothing to build", about.line)
            else:
                found.add(_canister(folder, name, about, defaults))


def _canister(folder: Folder, name: str, about: Value, defaults: Value | None) -> Canister:
    said = about.text("type") or "motoko"
    build = about.texts("build")
    kind = _TYPES.get(said, Kind.CUSTOM)
    main = about.text("main")
    if said not in _TYPES:
        folder.note(FILE, f"canister {name}: unknown type {said}, read as custom", about.line)
    if kind is Kind.CUSTOM:
        kind, main = _custom(build, main)
    flags = about.text("args") or (defaults.text("args") if defaults else "")
    packtool = about.text("packtool") or (defaults.text("packtool") if defaults else "")
    return Canister(
        name=name,
        kind=kind,
        places=(Place(FILE, about.line),),
        main=inside(main),
        package=about.text("package"),
        candid=inside(about.text("candid")),
        wasm="" if "://" in about.text("wasm") else inside(about.text("wasm")),
        build=build,
        source=tuple(filter(None, (inside(one) for one in about.texts("source")))),
        dependencies=about.texts("dependencies"),
        # Of a canister that is no program of Motoko, `args` has another meaning.
        flags=_words(flags) if kind is Kind.MOTOKO else (),
        packtool=packtool if kind is Kind.MOTOKO else "",
        init_arg=about.text("init_arg"),
        extras=tuple(key for key in _EXTRAS if about.get(key) is not None),
    )


def _custom(build: tuple[str, ...], main: str) -> tuple[Kind, str]:
    """What a custom build makes, and its program, told from the commands."""
    for words in map(_words, build):
        if kybra_main := dcanary_build(words):
            return Kind.KYBRA, kybra_main
        if "kybra" in words:
            # python -m kybra NAME MAIN [DID]
            rest = words[words.index("kybra") + 1 :]
            return Kind.KYBRA, rest[1] if len(rest) > 1 else main
        if motoko_main := moc_program(words):
            return Kind.MOTOKO, motoko_main
    text = "\n".join(build)
    if "azle" in text:
        return Kind.AZLE, main
    if "cargo " in text:
        return Kind.RUST, main
    return (Kind.CUSTOM if build else Kind.PREBUILT), main


def dcanary_build(words: tuple[str, ...]) -> str:
    """The program that a `dcanary build MAIN` command compiles; empty for another command."""
    programs = [word.rpartition("/")[2] for word in words[:-2]]
    for at, program in enumerate(programs):
        if program == "dcanary" and words[at + 1] == "build":
            main = words[at + 2]
            return main if main.endswith(".py") else f"{main}/main.py"
    return ""


def moc_program(words: tuple[str, ...]) -> str:
    """The program that a command compiles with `moc`; empty for another command."""
    programs = [word.rpartition("/")[2] for word in words]
    # It may come late, as in `mkdir -p out && $(dfx cache show)/moc src/main.mo`, and its path may
    # be the output of another program: `$(mops toolchain bin moc) src/main.mo`.
    after = next((at for at, one in enumerate(programs) if one in ("moc", "moc)")), len(words))
    return next((word for word in words[after:] if word.endswith(".mo")), "")


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())
