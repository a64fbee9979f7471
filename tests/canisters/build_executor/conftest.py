"""Makes the canisters and the helpers of these tests importable however pytest is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
for folder in (ROOT, ROOT / "canisters"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture
def world() -> object:
    """The rules on maps in memory, with three executors of three operators."""
    from tests.canisters.build_executor.helpers.world import World

    return World()
