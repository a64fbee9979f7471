"""The guest package loaded natively."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.testing.guest import Guest


@pytest.fixture(scope="session")
def canisters() -> Path:
    """The folder of the test canisters."""
    return Path(__file__).parent / "canisters"


@pytest.fixture(scope="session")
def shared_guest() -> Guest:
    """For tests that keep no state."""
    return Guest()


@pytest.fixture
def guest() -> Guest:
    return Guest()
