"""What an executor says of a stage that runs in an image."""

from __future__ import annotations

import platform

from dcanary.executor.runtimes import environment_digest
from dcanary.executor.sandbox.arguments import SETTINGS_VERSION
from dcanary.image.store import Image


def image_environment(runtime: str, image: Image) -> str:
    """The environment digest of a stage's attestation: it names every file that the stage sees.

    It is made of the image's tree, not of its lock, so that an image which was built wrong does not
    agree with others; of the machine's architecture; and of what the sandbox adds.
    """
    return environment_digest(runtime, {"image": image.tree, "sandbox": str(SETTINGS_VERSION)})


def unfit_image(image: Image) -> str | None:
    """Why stages cannot run in an image on this machine; None when they can."""
    here = platform.machine()
    if image.machine != here:
        return f"the image {image.name or image.digest} is for {image.machine}, this is {here}"
    return None
