"""Packages of the npm registry in an image: unpacked below /usr/lib, their programs in /usr/bin."""

from __future__ import annotations

import io
import json
import tarfile
from typing import IO, BinaryIO, cast
from urllib.parse import quote

from dcanary.image.errors import PackageProblem
from dcanary.image.lock import NpmPackage
from dcanary.image.tree import Tree
from dcanary.tar_headers import BoundedTarInfo

_FOLDER = "usr/lib"
_MAX_MANIFEST_BYTES = 4 * 1024 * 1024
_DAMAGED = (EOFError, tarfile.TarError, OSError)


def tarball_url(registry: str, name: str, version: str) -> str:
    """Where the registry has the tarball of a package."""
    return (
        f"{registry.rstrip('/')}/{quote(name, safe='@/')}/-/{name.rpartition('/')[2]}-{version}.tgz"
    )


def unpack_npm(file: BinaryIO, package: NpmPackage, tree: Tree) -> None:
    """Unpack a tarball; programs of packages at the top get a link. Raises PackageProblem."""
    owner = f"{package.name} {package.version}"
    folder = f"{_FOLDER}/{package.path}"
    manifest: dict[str, object] = {}
    try:
        with tarfile.open(
            fileobj=file, mode="r:gz", errorlevel=2, tarinfo=BoundedTarInfo
        ) as archive:
            for member in archive:
                # The first folder is called `package`, or as its maker liked.
                _, _, inner = member.name.removeprefix("./").partition("/")
                if not member.isreg():
                    # npm itself leaves out links and devices.
                    continue
                content = cast(IO[bytes], archive.extractfile(member))
                if inner == "package.json" and member.size > _MAX_MANIFEST_BYTES:
                    raise PackageProblem(f"{owner}: package.json is larger than allowed")
                if inner == "package.json":
                    text = content.read()
                    manifest = json.loads(text)
                    content = io.BytesIO(text)
                executable = bool(member.mode & 0o111)
                tree.file(
                    f"{folder}/{inner}",
                    owner,
                    cast(BinaryIO, content),
                    size=member.size,
                    executable=executable,
                )
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise PackageProblem(f"{owner}: the package is damaged or cut off: {error}") from error
    except ValueError as error:
        raise PackageProblem(f"{owner}: package.json is not JSON: {error}") from error
    if package.path == f"node_modules/{package.name}":
        for program, script in _programs(package.name, manifest).items():
            place = tree.find(f"{folder}/{script}", owner)
            if place is None:
                raise PackageProblem(f"{owner}: its program {program} is not in it: {script}")
            tree.make_executable(place)
            tree.link(f"usr/bin/{program}", owner, f"/{place}")


def _programs(name: str, manifest: dict[str, object]) -> dict[str, str]:
    """Programs of a package: name to the path inside of it."""
    given = manifest.get("bin")
    if isinstance(given, str):
        given = {name.rpartition("/")[2]: given}
    if not isinstance(given, dict):
        return {}
    return {
        program: script.removeprefix("./")
        for program, script in sorted(given.items())
        if isinstance(script, str)
        and program
        and "/" not in program
        and not program.startswith(".")
    }
