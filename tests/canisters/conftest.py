"""Makes the canisters' sources importable as they import each other, and installs them."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

for folder in (ROOT,):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from tests.canisters.installation import Installation  # noqa: E402


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """webhook and pipeline_config, wired to each other and to a double of build_executor."""
    return Installation(tmp_path)
