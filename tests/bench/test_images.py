"""The bench of using images again."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import images
from dcanary.image.store import ImageStore


def test_without_a_built_image_there_is_nothing_to_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dcanary.image.machine.images", lambda: ImageStore(tmp_path))
    assert images.main() == 1
    assert "dcanary image build" in capsys.readouterr().err
