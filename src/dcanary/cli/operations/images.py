"""What `dcanary image` does: finds images by what people call them."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

from dcanary.cli.display import quoted_if_needed
from dcanary.client.errors import ConfigError
from dcanary.executor.images import image_environment, unfit_image
from dcanary.image.lock import DebianPackage, Lock, NpmPackage, PypiPackage, format_lock, read_lock
from dcanary.image.locking import make_lock
from dcanary.image.machine import Progress, have_image, images, objects, open_downloader
from dcanary.image.places import places
from dcanary.image.registries import find_registries
from dcanary.image.spec import read_spec
from dcanary.image.standard import standard_lock, standard_names, standard_spec
from dcanary.image.store import Image

_DIGEST = re.compile(r"[0-9a-f]{6,64}")


def write_lock(spec: Path, out: Path | None, progress: Progress) -> dict[str, object]:
    """Lock a specification. Raises ImageError."""
    target = out or spec.with_suffix(".lock")
    if target == spec:
        raise ConfigError(f"{spec} would be overwritten: name the lock file with --out")
    wanted = read_spec(spec, standard_spec)
    registries = find_registries()
    with open_downloader(registries, progress) as downloader:
        made = make_lock(wanted, registries, downloader, progress)
    try:
        target.write_text(format_lock(made))
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}") from error
    return {"digest": made.digest, "lock": str(target), **_counts(made)}


def build(name: str, progress: Progress) -> Image:
    """Build the image that somebody calls `name`. Raises ImageError and ConfigError."""
    lock, label = _lock(name)
    file = Path(name)
    where = places(file.read_bytes(), name) if file.is_file() else {}
    return have_image(lock, progress, label, where)


def describe(name: str) -> dict[str, object]:
    """What an image is made of. Raises ImageError and ConfigError."""
    lock, label = _lock(name)
    built = images().find(lock.digest)
    return {
        "digest": lock.digest,
        "name": label,
        "machine": lock.machine,
        "suite": lock.suite,
        "releases": [f"{where} {moment}" for where, moment in sorted(lock.releases.items())],
        "debian": [f"{each.name} {each.version}" for each in lock.debian],
        "npm": [f"{each.name} {each.version}" for each in lock.npm],
        "pypi": [f"{each.name} {each.version}" for each in lock.pypi],
        "links": [f"{path} -> {target}" for path, target in sorted(lock.links.items())],
        "environment": [f"{key}={value}" for key, value in sorted(lock.environment.items())],
        "path": lock.path,
        "download_bytes": _counts(lock)["bytes"],
        "built": built is not None,
        "tree": built.tree if built else None,
        "environment_digest": image_environment("shell", built) if built else None,
        "unfit": unfit_image(built) if built else None,
        "root": str(built.root) if built else None,
    }


def check(name: str | None) -> list[Image]:
    """Compare every byte of one image, or of all. Raises ImageError at the first damage."""
    store = images()
    digests = [_built(name)] if name else [each.digest for each in store.images()]
    return [store.check(digest) for digest in digests]


def remove(name: str) -> dict[str, object]:
    """Remove a built image. Raises ImageError and ConfigError."""
    digest = _built(name)
    return {"digest": digest, "bytes": images().remove(digest)}


def collect(unused_days: float, packages: bool) -> tuple[list[Image], int]:
    """Remove what is not used: images, and with `packages` downloads; the latter's bytes."""
    store = images()
    removed = store.collect(unused_days * 86_400)
    freed = 0
    if packages:
        kept: set[str] = set()
        for each in store.images():
            kept.update(store.lock_of(each.digest).objects())
        freed = objects().collect_garbage(kept)
    return removed, freed


def row(image: Image) -> dict[str, object]:
    """An image for tables and records."""
    return {
        "digest": image.digest,
        "name": image.name,
        "machine": image.machine,
        "bytes": image.bytes,
        "files": image.files,
        "tree": image.tree,
        "used": datetime.fromtimestamp(image.used, timezone.utc).strftime("%Y-%m-%d %H:%M"),
        "root": str(image.root),
    }


def _lock(name: str) -> tuple[Lock, str]:
    """The lock that somebody means, and what to call the image."""
    standard = standard_lock(name)
    if standard is not None:
        return read_lock(standard), name
    if "/" in name or name.endswith(".lock") or Path(name).is_file():
        path = Path(name)
        if path.suffix in (".yml", ".yaml"):
            raise ConfigError(f"{name} is a specification: run `dcanary image lock {name}` first")
        return read_lock(path), path.name.removesuffix(".lock")
    found = _matching(name)
    return images().lock_of(found.digest), found.name


def _built(name: str) -> str:
    """The digest of a built image that somebody means."""
    if _DIGEST.fullmatch(name) and standard_lock(name) is None and not Path(name).is_file():
        return _matching(name).digest
    return _lock(name)[0].digest


def _matching(beginning: str) -> Image:
    found = [each for each in images().images() if each.digest.startswith(beginning)]
    if not _DIGEST.fullmatch(beginning) or not found:
        known = ", ".join(standard_names())
        raise ConfigError(
            f"there is no image {quoted_if_needed(beginning)}: name a standard image ({known}), a "
            "lock file, or six digits or more of the digest of a built image"
        )
    if len(found) > 1:
        raise ConfigError(f"{len(found)} images begin with {beginning}: write more of the digest")
    return found[0]


def _counts(lock: Lock) -> dict[str, object]:
    packages: list[DebianPackage | NpmPackage | PypiPackage]
    packages = [*lock.debian, *lock.npm, *lock.pypi]
    return {"packages": len(packages), "bytes": sum(each.size for each in packages)}
