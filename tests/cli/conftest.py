"""What every test of the command line starts from."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_width_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget COLUMNS, which workers of pytest-xdist have: it folds and cuts what is printed."""
    monkeypatch.delenv("COLUMNS", raising=False)
