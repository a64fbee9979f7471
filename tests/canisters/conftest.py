"""What tests of canisters start from."""

import pytest

from tests.canisters.installation import Installation


@pytest.fixture
def installation() -> Installation:
    """webhook and pipeline_config, wired to each other and to doubles of what they call."""
    return Installation()
