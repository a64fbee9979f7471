"""What the tests of the build share: one built canister, run under plain wasmtime."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import wasmtime

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from dcanary.wasm import BuiltCanister, Template, build_canister, ensure_template  # noqa: E402
from tests.wasm.ic0_host import Host, new_engine, with_table  # noqa: E402

DATA = Path(__file__).resolve().parent / "data"


@pytest.fixture(scope="session")
def template() -> Template:
    return ensure_template()


@pytest.fixture(scope="session")
def guest() -> Path:
    """The small guest package that stands in for kybra in these tests."""
    return DATA / "guest"


@pytest.fixture(scope="session")
def echo(template: Template, guest: Path) -> BuiltCanister:
    return build_canister(DATA / "echo", guest=guest)


@pytest.fixture(scope="session")
def engine() -> wasmtime.Engine:
    return new_engine()


@pytest.fixture(scope="session")
def module(engine: wasmtime.Engine, echo: BuiltCanister) -> wasmtime.Module:
    return wasmtime.Module(engine, with_table(echo.wasm))


@pytest.fixture
def host(engine: wasmtime.Engine, module: wasmtime.Module) -> Host:
    return Host(engine, module)
