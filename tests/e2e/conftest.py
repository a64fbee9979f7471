"""Installs the five canisters once; every world of a test starts from a copy of that state."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

for folder in (ROOT,):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from tests.e2e.world import EXECUTORS, PATIENCE, World, make_template, open_world  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(180 * PATIENCE))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an installation whose network is stopped, with four registered executors."""
    home = tmp_path_factory.mktemp("template")
    make_template(home)
    return home


@pytest.fixture(scope="module")
def world(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Shared by the tests of a module, which kill nothing: a forge and three executors."""
    home = tmp_path_factory.mktemp("world")
    with open_world(template, home, EXECUTORS[:3]) as made:
        yield made


@pytest.fixture
def empty_world(template: Path, tmp_path: Path) -> Iterator[World]:
    """For one test alone: a forge, and no executor yet."""
    with open_world(template, tmp_path / "home") as made:
        yield made
