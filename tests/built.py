"""Canister modules for tests, built once for the same sources and compiler.

What is kept is named by the sha256 of everything it is made from, and read back by its own hash.
That `dcanary build` gives the same bytes again is for `tests/structure/test_icp_yaml.py` to see.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import lru_cache
from pathlib import Path

import filelock

from dcanary import folders
from dcanary.wasm import BuiltCanister, build_canister, ensure_template

ROOT = Path(__file__).resolve().parents[1]
_COMPILER = ("src/dcanary/wasm", "src/dcanary/wasm_binary", "shared")
_SOURCES = frozenset((".py", ".c", ".wit", ".did"))


def built_canister(main: Path, name: str) -> BuiltCanister:
    """The canister `name` whose main module is `main` (or lies in it).

    Another one than those of the project may import from anywhere: it is built each time.
    """
    sources = main if main.is_dir() else main.parent
    if sources.parent != ROOT / "canisters":
        return build_canister(main, name=name)
    key = _digest(f"{name} {ensure_template().key}", sources, *(ROOT / each for each in _COMPILER))
    place = folders.cache("test-modules", key)
    place.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{place}.lock"):
        found = _read(place)
        if found is None:
            found = build_canister(main, name=name)
            _write(place, found)
    return found


@lru_cache(maxsize=64)
def _digest(first: str, *folders_: Path) -> str:
    digest = hashlib.sha256(first.encode())
    for folder in folders_:
        for file in sorted(folder.rglob("*")):
            if file.suffix in _SOURCES and "__pycache__" not in file.parts:
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{file.relative_to(folder)} {content}\n".encode())
    return digest.hexdigest()


def _read(place: Path) -> BuiltCanister | None:
    try:
        rest = json.loads((place / "built.json").read_text())
        wasm, gz = (place / "wasm").read_bytes(), (place / "wasm.gz").read_bytes()
    except FileNotFoundError:
        return None
    hashes = [hashlib.sha256(each).hexdigest() for each in (wasm, gz)]
    if hashes != [rest["module_hash"], rest["module_hash_gz"]]:
        return None
    return BuiltCanister(**{**rest, "wasm": wasm, "wasm_gz": gz, "sources": tuple(rest["sources"])})


def _write(place: Path, built: BuiltCanister) -> None:
    rest = dataclasses.asdict(built)
    place.mkdir(exist_ok=True)
    (place / "wasm").write_bytes(rest.pop("wasm"))
    (place / "wasm.gz").write_bytes(rest.pop("wasm_gz"))
    # Last: without it the rest counts for nothing.
    (place / "built.json").write_text(json.dumps(rest))
