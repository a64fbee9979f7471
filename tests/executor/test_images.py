"""What an executor says of an image: a digest of all that its stages see, and whether it fits."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path

import pytest

from dcanary.executor import images
from dcanary.executor.images import image_environment, unfit_image
from dcanary.image.store import Image

IMAGE = Image("1" * 64, "2" * 64, platform.machine(), Path("/tree"), 10, 2, "own")


def test_the_environment_digest_is_of_every_byte_that_a_stage_sees() -> None:
    digest = image_environment("shell", IMAGE)
    assert image_environment("shell", dataclasses.replace(IMAGE, name="x", used=7.0)) == digest
    assert image_environment("shell", dataclasses.replace(IMAGE, root=Path("/other"))) == digest
    others = {
        image_environment("shell", dataclasses.replace(IMAGE, tree="3" * 64)),
        image_environment("rust", IMAGE),
    }
    assert len(others) == 2 and digest not in others


def test_another_sandbox_has_another_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image_environment("shell", IMAGE)
    monkeypatch.setattr(images, "SETTINGS_VERSION", images.SETTINGS_VERSION + 1)
    assert image_environment("shell", IMAGE) != before


def test_an_image_of_another_architecture_does_not_fit() -> None:
    assert unfit_image(IMAGE) is None
    said = unfit_image(dataclasses.replace(IMAGE, machine="riscv64"))
    assert said == f"the image own is for riscv64, this is {platform.machine()}"
