"""A world in memory for the tests of the rules."""

from __future__ import annotations

import pytest

from tests.canisters.build_executor.helpers.world import World


@pytest.fixture
def world() -> World:
    """The rules on maps in memory, with three executors of three operators."""
    return World()
