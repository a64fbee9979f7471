"""Fixtures of all tests of the replica; makes `tests.replica.helpers` importable however pytest
is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wasmtime

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from dcanary.replica.engine import Options  # noqa: E402  # needs the path
from dcanary.replica.opening import open_engine  # noqa: E402  # needs the path
from tests.replica.helpers.motoko import CACHE, compile_motoko  # noqa: E402  # needs the path
from tests.replica.helpers.subnet import Harness  # noqa: E402  # needs the path


@pytest.fixture(scope="session")
def cache_dir() -> Path:
    return CACHE / "test-modules"


@pytest.fixture
def subnet(cache_dir: Path) -> Iterator[Harness]:
    """A subnet in memory."""
    engine = open_engine(None, cache_dir=cache_dir)
    yield Harness(engine)
    engine.close()


@pytest.fixture
def portable_subnet(cache_dir: Path) -> Iterator[Harness]:
    """The same on the portable memory implementation."""
    engine = open_engine(None, cache_dir=cache_dir, options=Options(portable_memory=True))
    yield Harness(engine)
    engine.close()


@pytest.fixture
def open_subnet(cache_dir: Path) -> Callable[[Path], Harness]:
    """Open a subnet kept in a folder; the caller closes it."""
    return lambda folder: Harness(open_engine(folder, cache_dir=cache_dir))


@pytest.fixture(scope="session")
def motoko() -> Callable[[str], bytes]:
    """Compiles Motoko source."""
    if shutil.which("node") is None or not (ROOT / "node_modules" / "motoko").exists():
        pytest.fail("node and the npm package `motoko` are needed; run `make setup`")
    return compile_motoko


@pytest.fixture(scope="session")
def wat() -> Callable[[str], bytes]:
    """Assembles WebAssembly text."""
    return lambda text: bytes(wasmtime.wat2wasm(text))
