"""Which image a stage means: its name in the file becomes the digest of the image's lock.

A digest is what a pipeline registers: a name that means another image in a later version, or a lock
file that changes, changes no registered pipeline.
"""

import re
from pathlib import Path

from dcanary.image.errors import ImageError
from dcanary.image.lock import parse_lock
from dcanary.image.standard import standard_lock, standard_names
from dcanary.pipeline.limits import MAX_LOCK_BYTES
from dcanary.pipeline.names import check_artifact_path
from dcanary.pipeline.source import Source, Value

_DIGEST = re.compile(r"[0-9a-f]{64}")
# Runtimes that are a standard image of the same name, where a stage names no other.
IMAGE_RUNTIMES = frozenset({"rust", "azle"})


class LockedImage(str):
    """The digest of an image, with the lock file in the repository that has it.

    `lock` is a path from the root of the repository, where executors look for it in the commit.
    """

    lock: str

    def __new__(cls, digest: str, lock: str) -> "LockedImage":
        made = super().__new__(cls, digest)
        made.lock = lock
        return made


def resolve_images(source: Source, folder: Path | None) -> None:
    """Put a digest in the place of each stage's `image`; report what names none.

    `folder` is where lock files are looked for; None where no files can be read.
    """
    stages = source.value.get("stages") if isinstance(source.value, dict) else None
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        if not isinstance(stage, dict):
            continue
        if stage.get("image") is None and stage.get("runtime") in IMAGE_RUNTIMES:
            stage["image"] = stage["runtime"]
        if isinstance(stage.get("image"), str):
            place = ("stages", name, "image")
            try:
                stage["image"] = _digest_of(stage["image"], folder)
            except (ImageError, ValueError) as error:
                source.report(place, str(error))
                del stage["image"]


def _digest_of(named: Value, folder: Path | None) -> str:
    """The digest of the lock that a name, a lock file or a digest means. Raises ValueError."""
    text = str(named)
    if _DIGEST.fullmatch(text):
        return text
    standard = standard_lock(text)
    if standard is not None:
        return parse_lock(standard.read_bytes(), text).digest
    if not text.endswith(".lock"):
        known = ", ".join(standard_names())
        raise ValueError(f"is no image: use one of {known}, a lock file, or a lock's digest")
    check_artifact_path(text)
    if folder is None:
        raise ValueError("lock files cannot be read here: use the lock's digest")
    try:
        with (folder / text).open("rb") as stream:
            content = stream.read(MAX_LOCK_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{text} cannot be read: {error.strerror}") from None
    if len(content) > MAX_LOCK_BYTES:
        raise ValueError(f"{text} has more than {MAX_LOCK_BYTES} bytes")
    registered = _from_root(folder, text)
    check_artifact_path(registered)
    return LockedImage(parse_lock(content, text).digest, registered)


def _from_root(folder: Path, path: str) -> str:
    """The path from the root of the repository of what is at `path` below a folder of it.

    A folder in no repository is taken for its root.
    """
    here = folder.resolve()
    for root in (here, *here.parents):
        # A folder, but in a submodule or a further work tree a file.
        if (root / ".git").exists():
            return (here.relative_to(root) / path).as_posix()
    return path
