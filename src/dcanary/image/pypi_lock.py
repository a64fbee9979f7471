"""Which wheels of the Python Package Index belong to an image: those that are asked for."""

from __future__ import annotations

import re

from dcanary.download.downloader import Downloader
from dcanary.image.errors import UnresolvedError
from dcanary.image.lock import ARCHITECTURES, PypiPackage
from dcanary.image.pypi import IndexFile, normal_name, read_index
from dcanary.image.spec import Spec

# The Python of each release of Debian.
_PYTHONS = {"bookworm": 11, "trixie": 13}
_WHEEL = re.compile(r"([^-]+)-([^-]+)(?:-\d[^-]*)?-([^-]+)-([^-]+)-([^-]+)\.whl")


def resolve_pypi(spec: Spec, index: str, downloader: Downloader) -> tuple[PypiPackage, ...]:
    """One wheel for each package of a specification; dependencies are not added.

    Raises UnresolvedError when there is none for Debian's Python, RegistryError, DownloadError.
    """
    found = []
    for name, version in sorted(spec.pypi.items()):
        if spec.suite not in _PYTHONS:
            raise UnresolvedError(f"pypi: the Python of Debian {spec.suite} is not known here")
        machine, minor = ARCHITECTURES[spec.architecture], _PYTHONS[spec.suite]
        fitting = [
            (rank, each.name, each)
            for each in read_index(downloader, index, name)
            if (rank := wheel_rank(each, name, version, minor, machine)) is not None
        ]
        if not fitting:
            raise UnresolvedError(
                f"{name} {version}: the index has no wheel of it for Python 3.{minor} on {machine}"
            )
        _, _, best = min(fitting)
        found.append(PypiPackage(normal_name(name), version, best.name, best.size, best.sha256))
    return tuple(sorted(found))


def wheel_rank(
    file: IndexFile, name: str, version: str, minor: int, machine: str
) -> tuple[int, int] | None:
    """How well a file suits Python 3.`minor` with glibc: the lower the better, None for not."""
    match = _WHEEL.fullmatch(file.name)
    if match is None or not file.sha256 or not file.size or file.yanked:
        return None
    project, release, pythons, abis, platforms = match.groups()
    if normal_name(project) != normal_name(name) or release != version:
        return None
    if not any(
        each == "any" or ("manylinux" in each and each.endswith(f"_{machine}"))
        for each in platforms.split(".")
    ):
        return None
    if f"cp3{minor}" in pythons.split(".") and f"cp3{minor}" in abis.split("."):
        return 0, 0
    if "abi3" in abis.split("."):
        lowest = [int(each[3:]) for each in pythons.split(".") if re.fullmatch(r"cp3\d+", each)]
        return (1, -max(lowest)) if lowest and max(lowest) <= minor else None
    if "none" in abis.split(".") and {"py3", f"py3{minor}"} & set(pythons.split(".")):
        return 2, 0
    return None
