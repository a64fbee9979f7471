"""Canister sources to modules."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dcanary.cli.errors import translated
from dcanary.cli.operations.shipped import shipped_folder
from dcanary.client.names import CANISTERS
from dcanary.wasm import BuiltCanister, build_canister, ensure_template

Progress = Callable[[str], None]


def canisters_folder() -> Path:
    """The sources of the five canisters. Raises ConfigError when they are not there."""
    return shipped_folder("canisters", "webhook/main.py")


def build_one(main: Path, out: Path | None, name: str | None, progress: Progress) -> BuiltCanister:
    """Build one canister from its main.py (or the folder that holds it)."""
    with translated():
        return build_canister(
            main / "main.py" if main.is_dir() else main, out=out, name=name, progress=progress
        )


def build_system(out: Path, progress: Progress) -> dict[str, BuiltCanister]:
    """Build the five canisters, in the order in which they are wired.

    Two at a time: nearly all of the work is WebAssembly, which runs without Python's lock.
    """
    folder = canisters_folder()
    progress("building the five canisters")
    with translated():
        ensure_template(progress=progress)  # once, before two builds want it
    with ThreadPoolExecutor(2) as pool:
        built = pool.map(lambda name: build_one(folder / name, out, name, progress), CANISTERS)
        return dict(zip(CANISTERS, built, strict=True))
