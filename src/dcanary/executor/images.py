"""What an executor says of a stage that runs in an image."""

from __future__ import annotations

import platform

from dcanary.executor.runtimes import Runtime, RuntimeUnavailable, environment_digest
from dcanary.executor.sandbox.arguments import SETTINGS_VERSION
from dcanary.image.lock import read_lock
from dcanary.image.standard import standard_lock, standard_names
from dcanary.image.store import Image, ImageStore

# MAX_OFFER_TEXTS of shared/rules/limits.py.
MAX_IMAGES = 64


def image_environment(runtime: str, image: Image) -> str:
    """The environment digest of a stage's attestation: it names every file that the stage sees.

    It is made of the image's tree, not of its lock, so that an image which was built wrong does not
    agree with others; of the machine's architecture; and of what the sandbox adds.
    """
    return environment_digest(runtime, {"image": image.tree, "sandbox": str(SETTINGS_VERSION)})


def image_runtime(store: ImageStore, digest: str) -> Runtime:
    """What a stage finds that runs in an image. Raises RuntimeUnavailable when it is not there."""
    image = store.find(digest)
    if image is None:
        name = next((each for each in standard_names() if _standard_digest(each) == digest), None)
        raise RuntimeUnavailable(
            f"the image {name or digest} is not built on this machine: dcanary image build "
            f"{name or 'LOCK'}"
        )
    problem = unfit_image(image)
    if problem is not None:
        raise RuntimeUnavailable(problem)
    return Runtime(
        f"shell in the image {digest[:12]}",
        image_environment("shell", image),
        program_path=image.program_path,
        environment=image.environment,
        root=image.root,
        hold=lambda: store.use(digest),
    )


def _standard_digest(name: str) -> str | None:
    lock = standard_lock(name)
    return read_lock(lock).digest if lock is not None else None


def offered_images(store: ImageStore | None) -> list[str]:
    """Digests of the images in which stages can run here; of many, those used last."""
    fit = [each for each in store.images() if unfit_image(each) is None] if store else []
    newest = sorted(fit, key=lambda each: each.used, reverse=True)[:MAX_IMAGES]
    return sorted(each.digest for each in newest)


def unfit_image(image: Image) -> str | None:
    """Why stages cannot run in an image on this machine; None when they can."""
    here = platform.machine()
    if image.machine != here:
        return f"the image {image.name or image.digest} is for {image.machine}, this is {here}"
    return None
