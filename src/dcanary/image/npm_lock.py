"""Which tarballs of the npm registry belong to an image, as npm itself resolves them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dcanary.download.downloader import Downloader
from dcanary.download.model import Digest, Wanted
from dcanary.image.errors import ImageError, UnresolvedError
from dcanary.image.lock import MAX_PACKAGE_BYTES, NpmPackage
from dcanary.image.npm import tarball_url
from dcanary.image.spec import Spec

_SECONDS = 600
_CPUS = {"amd64": "x64", "arm64": "arm64"}


def resolve_npm(spec: Spec, registry: str, downloader: Downloader) -> tuple[NpmPackage, ...]:
    """The packages of a specification with their dependencies. Raises ImageError.

    Their tarballs are downloaded, because the registry says their sha512 only.
    """
    wanted = {
        (path, name, version): Wanted(
            tarball_url(registry, name, version),
            Digest("sha512", base64.b64decode(integrity.removeprefix("sha512-")).hex()),
            "npm",
            MAX_PACKAGE_BYTES,
        )
        for path, name, version, integrity in _chosen(
            _package_lock(spec, registry), _CPUS[spec.architecture]
        )
    }
    kept = downloader.get_all(wanted.values())
    return tuple(
        sorted(NpmPackage(*key, kept[each].size, kept[each].digest) for key, each in wanted.items())
    )


def _package_lock(spec: Spec, registry: str) -> Mapping[str, Any]:
    program = shutil.which("npm")
    if program is None:
        raise ImageError(
            "npm is missing, which resolves the npm packages of a specification: install Node.js "
            "and npm. Images are built from a lock without them"
        )
    with tempfile.TemporaryDirectory(prefix="dcanary-npm-") as folder:
        manifest = {"name": "image", "version": "0.0.0", "dependencies": dict(spec.npm)}
        (Path(folder) / "package.json").write_text(json.dumps(manifest))
        done = subprocess.run(
            [
                program,
                "install",
                "--package-lock-only",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                f"--registry={registry}",
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env={**os.environ, "NO_COLOR": "1"},
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            said = " ".join(
                line for line in done.stderr.splitlines() if "A complete log" not in line
            )
            raise UnresolvedError(f"npm cannot resolve the packages: {said}")
        value = json.loads((Path(folder) / "package-lock.json").read_text())
    assert isinstance(value, dict)
    return value


def _chosen(lock: Mapping[str, Any], cpu: str) -> Iterator[tuple[str, str, str, str]]:
    """(path, name, version, integrity) of what is installed on Linux with glibc and a CPU."""
    for path, each in lock["packages"].items():
        if not path or each.get("inBundle"):
            continue
        if not (_fits(each.get("os"), "linux") and _fits(each.get("cpu"), cpu)):
            continue
        if not _fits(each.get("libc"), "glibc"):
            continue
        name = each.get("name") or path.rpartition("node_modules/")[2]
        integrity = each.get("integrity", "")
        if not integrity.startswith("sha512-"):
            raise UnresolvedError(
                f"{name} {each.get('version')}: the registry gives no sha512 of it"
            )
        yield path, name, each["version"], integrity


def _fits(allowed: list[str] | None, value: str) -> bool:
    if not allowed:
        return True
    if f"!{value}" in allowed:
        return False
    return value in allowed or all(each.startswith("!") for each in allowed)
