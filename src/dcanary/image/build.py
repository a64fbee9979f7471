"""Builds images by unpacking packages, without running anything of them.

mmdebstrap and debootstrap were not chosen: they run the packages' maintainer scripts, as root or in
a user namespace of many users, and scripts write what differs from one machine and moment to the
next (times, caches, random numbers). What scripts would do and stages need is little, and is done
here: the bundle of certificate authorities, empty files for the sandbox to cover, and the links
that the specification names in place of Debian's alternatives.
"""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from dcanary.download.downloader import Downloader
from dcanary.download.model import Digest, DownloadError, DownloadsFailed, NotThere, Wanted
from dcanary.image.debian.package import read_control, unpack
from dcanary.image.errors import (
    DamagedImage,
    ImageError,
    NoRoomForImage,
    PackageProblem,
    WrongPackage,
    said_of_registries,
    size_of,
)
from dcanary.image.lock import DebianPackage, Lock, NpmPackage, PypiPackage, format_lock
from dcanary.image.npm import tarball_url, unpack_npm
from dcanary.image.pypi import unpack_wheel, wheel_url
from dcanary.image.registries import Registries
from dcanary.image.store import Image, ImageInUse, ImageStore, NoSuchImage
from dcanary.image.tree import FILE, Tree
from dcanary.objects import MissingObject, ObjectStore, PoisonedObject

# Files of /etc that the sandbox covers with its own, for which something must be there.
COVERED = ("group", "hosts", "nsswitch.conf", "passwd", "resolv.conf")
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_AUTHORITIES = "usr/share/ca-certificates"
_ROUNDS = 3
_REPLACED = re.compile(r"^([a-z0-9][a-z0-9+.-]*)")

Progress = Callable[[str], None]


def ensure_image(
    lock: Lock,
    images: ImageStore,
    objects: ObjectStore,
    downloader: Downloader,
    registries: Registries,
    progress: Progress,
    name: str = "",
    places: Mapping[str, str] = MappingProxyType({}),
) -> Image:
    """The image of a lock, built unless it is there and sound. `progress` is told what happens.

    `downloader` puts into `objects`. `places` says of a sha256 where in a lock file it stands.

    Raises ImageError, and OSError for trouble with this machine's disk.
    """
    with _said_as_full(images.folder):
        try:
            with images.use(lock.digest) as image:
                return image
        except NoSuchImage:
            pass
        except DamagedImage as error:
            progress(f"{error}: the image is built again")
            try:
                images.remove(lock.digest)
            except ImageInUse as in_use:
                raise DamagedImage(f"{error}, and stages still run in it: stop them") from in_use
        for round_number in range(1, _ROUNDS + 1):
            _download(lock, downloader, registries, progress, places)
            try:
                return _build(lock, images, objects, progress, name, places)
            except (MissingObject, PoisonedObject) as error:
                # Something removed or changed it after it was there.
                if round_number == _ROUNDS:
                    raise ImageError(str(error)) from error
                progress(str(error))
    raise AssertionError("not reached")


def _download(
    lock: Lock,
    downloader: Downloader,
    registries: Registries,
    progress: Progress,
    places: Mapping[str, str],
) -> None:
    """Have all packages of a lock in the store. Raises ImageError."""
    missing = [each for each in _wanted(lock, registries, places) if downloader.find(each) is None]
    wheels = [
        each
        for each in lock.pypi
        if downloader.find(Wanted(each.file, Digest("sha256", each.sha256))) is None
    ]
    if not missing and not wheels:
        return
    size = sum(each.max_bytes for each in missing) + sum(each.size for each in wheels)
    progress(f"downloading {len(missing) + len(wheels)} packages, {size / 1e6:.0f} MB")
    with said_of_registries(places):
        for wheel in wheels:
            url = wheel_url(downloader, registries.pypi, wheel)
            missing.append(_one(url, wheel, places))
        try:
            downloader.get_all(missing)
        except DownloadsFailed as error:
            if not (registries.snapshot and all(_is_gone(each) for each in error.problems)):
                raise
            progress("the archive has some packages no more: asking for what it was then")
            downloader.get_all(_of_snapshot(lock, registries, places))


def _wanted(lock: Lock, registries: Registries, places: Mapping[str, str]) -> Iterator[Wanted]:
    for deb in lock.debian:
        yield _one(f"{registries.debian[deb.archive]}/{deb.path}", deb, places)
    for tarball in lock.npm:
        yield _one(tarball_url(registries.npm, tarball.name, tarball.version), tarball, places)


def _of_snapshot(lock: Lock, registries: Registries, places: Mapping[str, str]) -> Iterator[Wanted]:
    """Debian's packages where every former state of the archive is kept."""
    for deb in lock.debian:
        # Each suite has a moment of its own; what was in an earlier one was in the last as well.
        moment = max(
            (moment for where, moment in lock.releases.items() if where.split()[0] == deb.archive),
            default="",
        )
        yield _one(f"{registries.snapshot}/{deb.archive}/{moment}/{deb.path}", deb, places)


def _one(
    url: str, package: DebianPackage | NpmPackage | PypiPackage, places: Mapping[str, str]
) -> Wanted:
    by = places.get(package.sha256, f"the lock for {package.name} {package.version}")
    return Wanted(url, Digest("sha256", package.sha256), by, package.size)


def _is_gone(problem: DownloadError) -> bool:
    return isinstance(problem, NotThere) and "/pool/" in problem.url


def _build(
    lock: Lock,
    images: ImageStore,
    objects: ObjectStore,
    progress: Progress,
    name: str,
    places: Mapping[str, str],
) -> Image:
    with images.building(lock.digest) as folder:
        # Another process may have built it while this one waited.
        if found := images.find(lock.digest):
            return found
        progress(f"unpacking {len(lock.debian) + len(lock.npm) + len(lock.pypi)} packages")
        replaced: dict[str, set[str]] = {}
        root = folder / "tree"
        root.mkdir(mode=0o755)
        root.chmod(0o755)
        tree = Tree(root, lock.exclude, lambda new, old: old in replaced.get(new, ()))
        for deb in lock.debian:
            owner = f"{deb.name} {deb.version}"
            with _open(objects, deb, places) as file:
                control = read_control(file, owner)
                if (control.get("Package"), control.get("Version")) != (deb.name, deb.version):
                    said = f"{control.get('Package')} {control.get('Version')}"
                    raise PackageProblem(f"{owner}: the file of the lock is {said}")
                others = control.get("Replaces", "").split(",")
                names = {match[1] for each in others if (match := _REPLACED.match(each.strip()))}
                replaced[owner] = {
                    f"{each.name} {each.version}" for each in lock.debian if each.name in names
                }
                unpack(file, owner, tree)
        for tarball in lock.npm:
            with _open(objects, tarball, places) as file:
                unpack_npm(file, tarball, tree)
        for wheel in lock.pypi:
            with _open(objects, wheel, places) as file:
                unpack_wheel(file, wheel, tree)
        _finish(tree, lock)
        return images.add(folder, tree, lock, format_lock(lock), name)


def _open(
    objects: ObjectStore,
    package: DebianPackage | NpmPackage | PypiPackage,
    places: Mapping[str, str],
) -> BinaryIO:
    """A package's file, which has the size that the lock says, wherever it came from."""
    file = objects.open(package.sha256)
    size = os.fstat(file.fileno()).st_size
    if size != package.size:
        file.close()
        where = size_of(
            places.get(package.sha256, f"the lock for {package.name} {package.version}")
        )
        raise WrongPackage(f"{where}: the file has {size} bytes, not {package.size}: lock again")
    return file


def _finish(tree: Tree, lock: Lock) -> None:
    """What maintainer scripts would have done, and what the specification says."""
    authorities = sorted(
        place
        for place, entry in tree.entries.items()
        if place.startswith(f"{_AUTHORITIES}/") and place.endswith(".crt") and entry.kind == FILE
    )
    if authorities:
        bundle = b"".join(
            (tree.root / place).read_bytes().rstrip(b"\n") + b"\n" for place in authorities
        )
        _add(tree, _BUNDLE, bundle)
    for name in COVERED:
        if f"etc/{name}" not in tree.entries:
            _add(tree, f"etc/{name}", b"")
    for path, text in sorted(lock.files.items()):
        _add(tree, path.lstrip("/"), text.encode(), executable=text.startswith("#!"))
    for path, target in sorted(lock.links.items()):
        tree.link(path.lstrip("/"), "", target)
    tree.finish()


def _add(tree: Tree, place: str, content: bytes, *, executable: bool = False) -> None:
    tree.file(place, "", io.BytesIO(content), size=len(content), executable=executable)


@contextmanager
def _said_as_full(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomForImage(
                f"no room on the disk of {folder}: free some, or remove images with "
                "`dcanary image collect`, then try again; what was downloaded is kept"
            ) from error
        raise
