"""Long runs, started by `make nightly`: soak and chaos of the whole system."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import template  # noqa: F401  (the fixture these tests start from)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.nightly)
            item.add_marker(pytest.mark.timeout(4 * 3_600))
