"""Measures the build of one canister against the step that is done once before."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Building
from dcanary.cli.operations.build import canisters_folder
from dcanary.wasm import build_canister, ensure_template

CANISTER = "build_executor"
"""The largest of the five."""
BUILDS = 3

Progress = Callable[[str], None]


def measure(progress: Progress) -> Building:
    """Make a template in an empty cache, then build the canister with it, each time anew."""
    main = canisters_folder() / CANISTER / "main.py"
    with tempfile.TemporaryDirectory(prefix="dcanary-bench-") as folder:
        cache = Path(folder)
        progress("the template step, in an empty cache")
        begun = time.monotonic()
        if not ensure_template(cache).built:
            raise AssertionError("an empty cache had a template")
        template = time.monotonic() - begun
        progress(f"{BUILDS} builds of {CANISTER}")
        builds = [build_canister(main, name=CANISTER, cache=cache).duration for _ in range(BUILDS)]
    return Building(CANISTER, template, builds)
