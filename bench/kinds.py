"""Small projects of our own, one for each kind that `bench.overheads` measures.

Those that need packages of others are given as folders: this repository has none of them.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import dcanary

ROOT = Path(__file__).resolve().parents[1]
_PYTHON = shlex.quote(sys.executable)
_TOOLS = Path(dcanary.__file__).parent / "executor" / "tools"
_MOC = " ".join(
    (
        f"DCANARY_MOTOKO={shlex.quote(str(ROOT / 'node_modules' / 'motoko'))}",
        f"node --stack-size=4000 {shlex.quote(str(_TOOLS / 'moc.js'))}",
    )
)
CARGO = "cargo build --release --locked --offline --target wasm32-unknown-unknown"
_LIMITS = "resources: {memory: 2GiB, storage: 1GiB, processes: 256, timeout: 10m}"


@dataclass(frozen=True)
class Kind:
    """A kind of project: its files (`example` names a folder of ours instead), and the plain tool.

    `plain` is what a person types in its folder, in the tree of the image `image` where the stage
    has one. `programs` and `packages` (of node_modules) are what it needs here.
    """

    name: str
    plain: str
    files: Mapping[str, str] = field(default_factory=dict)
    example: str = ""
    image: str = ""
    programs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def has_project(self) -> bool:
        """Whether there is a project of this kind here."""
        return bool(self.files or self.example)

    def write(self, folder: Path) -> Path:
        """Write the project into a new folder."""
        if self.example:
            shutil.copytree(ROOT / "examples" / self.example, folder)
        for name, text in self.files.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return folder

    def missing(self) -> str:
        """What is not on this machine, besides an image; empty when all is."""
        lacking = [each for each in self.programs if shutil.which(each) is None]
        lacking += [
            f"node_modules/{each}"
            for each in self.packages
            if not (ROOT / "node_modules" / each).is_dir()
        ]
        return ", ".join(lacking)


def _pipeline(name: str, stages: str) -> str:
    return f"version: 1\nname: {name}\non: {{manual: true}}\nstages:\n{stages}"


def _canister(name: str) -> str:
    return (
        f"  {name}:\n    runtime: motoko\n    commands: [moc src/{name}.mo -o build/{name}.wasm]\n"
        f"    {_LIMITS}\n    artifacts: [build/{name}.wasm, build/{name}.did]\n"
    )


_THREE = ("ledger", "shop", "site")
_ACTOR = """\
persistent actor class (others : [Principal]) {
  public query func called() : async Text { "%s" };
  public query func refersTo() : async [Principal] { others };
};
"""
_LIBRARY = """\
#[no_mangle]
pub extern "C" fn canister_init() {}
"""
_BUNDLE = """\
import { mkdirSync, writeFileSync } from "node:fs";
mkdirSync("dist", { recursive: true });
writeFileSync("dist/index.html", "<!doctype html><p>built\\n");
"""
_LOCK = '{"name": "site", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": '

KINDS = (
    Kind(
        "python",
        f"{_PYTHON} -m dcanary build src/main.py --out build --name counter",
        example="counter-python",
    ),
    Kind(
        "motoko",
        f"mkdir -p build; {_MOC} src/main.mo -o build/counter.wasm",
        example="counter-motoko",
        programs=("node",),
        packages=("motoko",),
    ),
    Kind(
        "rust",
        CARGO,
        {
            "dcanary.yml": _pipeline(
                "adder",
                f"  build:\n    runtime: rust\n    {_LIMITS}\n    commands:\n"
                f"      - {CARGO} --target-dir target\n      - mkdir -p build\n"
                "      - cp target/wasm32-unknown-unknown/release/adder.wasm build/\n"
                "    artifacts: [build/adder.wasm]\n",
            ),
            "Cargo.toml": '[package]\nname = "adder"\nversion = "1.0.0"\nedition = "2021"\n\n'
            '[lib]\ncrate-type = ["cdylib"]\n',
            "Cargo.lock": 'version = 3\n\n[[package]]\nname = "adder"\nversion = "1.0.0"\n',
            "src/lib.rs": _LIBRARY,
        },
        image="rust",
    ),
    Kind("azle", "npm ci --ignore-scripts && azle build", image="azle"),
    Kind(
        "front-end",
        "npm ci && npm run build",
        {
            "dcanary.yml": _pipeline(
                "site",
                "  packages: {kind: fetch, locks: [package-lock.json]}\n"
                f"  build:\n    runtime: node\n    image: node\n    {_LIMITS}\n"
                "    depends_on: [packages]\n    commands: [npm ci, npm run build]\n"
                "    artifacts: [dist/]\n",
            ),
            "package.json": '{"name": "site", "version": "1.0.0", '
            '"scripts": {"build": "node bundle.mjs"}}\n',
            "package-lock.json": _LOCK + '{"": {"name": "site", "version": "1.0.0"}}}\n',
            "bundle.mjs": _BUNDLE,
        },
        image="node",
    ),
    Kind(
        "monorepo",
        "mkdir -p build; "
        + "; ".join(f"{_MOC} src/{name}.mo -o build/{name}.wasm" for name in _THREE),
        {
            "dcanary.yml": _pipeline("three", "".join(map(_canister, _THREE))),
            **{f"src/{name}.mo": _ACTOR % name for name in _THREE},
        },
        programs=("node",),
        packages=("motoko",),
    ),
)
