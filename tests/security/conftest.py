"""Makes the canisters' sources importable as they import each other."""

from pathlib import Path

import pytest

from tests.canisters.conftest import ROOT as _ROOT  # noqa: F401 - puts `canisters` on the path
from tests.canisters.installation import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """webhook and pipeline_config, wired to each other and to a double of build_executor."""
    return Installation(tmp_path)
