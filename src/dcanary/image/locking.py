"""Makes the lock of a specification: asks the registries what there is, and pins it by hash."""

from __future__ import annotations

from collections.abc import Callable

from dcanary.download.downloader import Downloader
from dcanary.image.debian.release import Verify, read_index, read_release, verify_signature
from dcanary.image.debian.resolve import Packages, resolve
from dcanary.image.errors import ImageError, said_of_registries
from dcanary.image.lock import DebianPackage, Lock, NpmPackage
from dcanary.image.npm_lock import resolve_npm
from dcanary.image.pypi_lock import resolve_pypi
from dcanary.image.registries import Registries
from dcanary.image.spec import Spec

# Suites of an archive that belong to a release of Debian.
_SUITES = (("debian", "{}"), ("debian", "{}-updates"), ("debian-security", "{}-security"))


def make_lock(
    spec: Spec,
    registries: Registries,
    downloader: Downloader,
    progress: Callable[[str], None],
    verify: Verify = verify_signature,
) -> Lock:
    """Choose the packages of a specification. Raises ImageError.

    What has to be downloaded to know its sha256 is kept, and the build finds it.
    """
    with said_of_registries():
        debian, releases = _debian(spec, registries, downloader, progress, verify)
        npm: tuple[NpmPackage, ...] = ()
        if spec.npm:
            progress("resolving npm packages")
            npm = resolve_npm(spec, registries.npm, downloader)
        pypi = resolve_pypi(spec, registries.pypi, downloader)
    return Lock(
        architecture=spec.architecture,
        suite=spec.suite,
        releases=releases,
        debian=debian,
        npm=npm,
        pypi=pypi,
        links=spec.links,
        files=spec.files,
        environment=spec.environment,
        path=spec.path,
        exclude=spec.exclude,
    )


def _debian(
    spec: Spec,
    registries: Registries,
    downloader: Downloader,
    progress: Callable[[str], None],
    verify: Verify,
) -> tuple[tuple[DebianPackage, ...], dict[str, str]]:
    releases: dict[str, str] = {}
    paragraphs: list[dict[str, str]] = []
    for archive, pattern in _SUITES:
        suite = pattern.format(spec.suite)
        progress(f"reading {suite}")
        release = read_release(downloader, registries.debian[archive], suite, verify)
        releases[f"{archive} {suite}"] = release.moment
        for each in read_index(downloader, release, spec.architecture):
            paragraphs.append({**each, "archive": archive})
    packages = Packages(paragraphs)
    found = [_package(each) for each in resolve(packages, spec.debian)]
    return tuple(sorted(found)), releases


def _package(fields: object) -> DebianPackage:
    assert isinstance(fields, dict)
    try:
        return DebianPackage(
            name=fields["Package"],
            version=fields["Version"],
            architecture=fields["Architecture"],
            archive=fields["archive"],
            path=fields["Filename"],
            size=int(fields["Size"]),
            sha256=fields["SHA256"],
        )
    except (KeyError, ValueError) as error:
        raise ImageError(
            f"the index of packages lacks fields of {fields.get('Package')}"
        ) from error
