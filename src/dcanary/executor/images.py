"""Images as an executor has them: offered, built when a stage asks for one, run in."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Mapping

from dcanary.executor.own_images import PREFIX, make_room, own_lock
from dcanary.executor.runtimes import Runtime, RuntimeUnavailable, environment_digest
from dcanary.executor.sandbox.arguments import SETTINGS_VERSION
from dcanary.fetch.pinned import ReadFile
from dcanary.image.lock import Lock
from dcanary.image.standard import called, standard_locks
from dcanary.image.store import Image, ImageStore

# MAX_OFFER_TEXTS of shared/rules/limits.py.
MAX_IMAGES = 64
FAILED_PAUSE_SECONDS = 600.0
"""For so long an image that could not be built is not offered."""

Say = Callable[[str], None]


class ImageBuilder:
    """Builds images when a stage asks for one. For use by several threads.

    Standard ones are offered. Of another lock file an executor knows nothing but the digest, until
    the commit is there that has it.
    """

    def __init__(
        self,
        build: Callable[[Lock, Say, str, Mapping[str, str]], Image],
        locks: Mapping[str, Lock] | None = None,
    ) -> None:
        """`build` is `dcanary.image.machine.have_image`; `locks` by name, default the standard."""
        self._build = build
        self._locks = standard_locks() if locks is None else locks
        self._failed: dict[str, float] = {}
        self._lock = threading.Lock()

    def offered(self) -> list[str]:
        """Digests of the images that can be built for this machine, as far as is known."""
        here, now = platform.machine(), time.monotonic()
        with self._lock:
            failed = {
                digest for digest, at in self._failed.items() if now - at < FAILED_PAUSE_SECONDS
            }
        return sorted(
            lock.digest
            for lock in self._locks.values()
            if lock.machine == here and lock.digest not in failed
        )

    def build(self, digest: str, say: Say) -> None:
        """Build the image of a digest of `offered`. Raises ImageError and OSError."""
        name, lock = next(each for each in self._locks.items() if each[1].digest == digest)
        say(f"building the image {name}, which is not on this machine yet")
        try:
            self._build(lock, say, name, {})
        except BaseException:
            # Also when a stop breaks it off: it is not offered again at once.
            with self._lock:
                self._failed[digest] = time.monotonic()
            raise

    def build_own(
        self, store: ImageStore, digest: str, path: str, read: ReadFile, say: Say
    ) -> None:
        """Build the image of a lock file of the commit.

        Raises RuntimeUnavailable, ImageError and OSError.
        """
        lock, places = own_lock(path, digest, read)
        make_room(store, say)
        say(f"building the image of {path}, which is not on this machine yet")
        self._build(lock, say, f"{PREFIX}{path}", places)


def image_environment(runtime: str, image: Image) -> str:
    """The environment digest of a stage's attestation: it names every file that the stage sees.

    It is made of the image's tree, not of its lock, so that an image which was built wrong does not
    agree with others; of the machine's architecture; and of what the sandbox adds.
    """
    return environment_digest(runtime, {"image": image.tree, "sandbox": str(SETTINGS_VERSION)})


def image_runtime(
    store: ImageStore,
    digest: str,
    runtime: str,
    builder: ImageBuilder | None = None,
    lock: str | None = None,
) -> Runtime:
    """What a stage finds that runs in an image. Raises RuntimeUnavailable when it is not there.

    `runtime` is what the stage calls itself: it is only told, for the tools are the image's. What
    the builder can build is built by the runtime's `prepare`: a standard image, or that of `lock`,
    the path of a lock file of the commit.
    """
    image = None if store.damage(digest) else store.find(digest)
    # Asked only of an image that is not there: the builder hashes the locks of all that it knows.
    is_standard = image is None and builder is not None and digest in builder.offered()
    if image is None and builder is not None and (is_standard or lock is not None):

        def prepare(say: Say, read: ReadFile) -> Runtime:
            if is_standard or lock is None:
                builder.build(digest, say)
            else:
                builder.build_own(store, digest, lock, read, say)
            return image_runtime(store, digest, runtime)

        return Runtime(f"{runtime} in the image {digest[:12]}", "", prepare=prepare)
    if image is None:
        damage = store.damage(digest)
        told = f", which was damaged: {damage}" if damage else ""
        raise RuntimeUnavailable(f"this machine lacks the image {called(digest)}{told}")
    problem = unfit_image(image)
    if problem is not None:
        raise RuntimeUnavailable(problem)
    return Runtime(
        f"{runtime} in the image {digest[:12]}",
        # The same for all runtimes, whose names change nothing of what a stage sees.
        image_environment("shell", image),
        program_path=image.program_path,
        environment=image.environment,
        root=image.root,
        hold=lambda: store.use(digest),
    )


def offered_images(store: ImageStore | None, builder: ImageBuilder | None = None) -> list[str]:
    """Digests of the images in which stages can run here; of many, those used last.

    With a builder also those that are built when a stage asks for one.
    """
    if store is None:
        return []
    fit = [
        each
        for each in store.images()
        if unfit_image(each) is None and not store.damage(each.digest)
    ]
    newest = sorted(fit, key=lambda each: each.used, reverse=True)
    known = [*(each.digest for each in newest), *(builder.offered() if builder else ())]
    return sorted(list(dict.fromkeys(known))[:MAX_IMAGES])


def unfit_image(image: Image) -> str | None:
    """Why stages cannot run in an image on this machine; None when they can."""
    here = platform.machine()
    if image.machine != here:
        return f"the image {image.name or image.digest} is for {image.machine}, this is {here}"
    return None
