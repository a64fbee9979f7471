"""Packages of npm and PyPI: unpacked where their programs find them, hostile ones refused."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from dcanary.download.downloader import Downloader
from dcanary.image.errors import PackageProblem, RegistryError, UnresolvedError
from dcanary.image.lock import Lock, NpmPackage, PypiPackage
from dcanary.image.npm import tarball_url
from dcanary.image.pypi import IndexFile
from dcanary.image.pypi_lock import resolve_pypi, wheel_rank
from dcanary.image.spec import Spec
from tests.fetch.test_layouts import odd
from tests.image.conftest import QUICK, Place
from tests.image.debs import digest, link, member, tar, tarball, wheel

NPM = tarball(
    {
        "package.json": json.dumps({"bin": {"tool": "./bin/tool.js", "../x": "a"}}).encode(),
        "bin/tool.js": b"#!/usr/bin/env node\n",
    },
    top="strange-name",
)
WHEEL = wheel(
    {
        "hello/__init__.py": b"def main(): print('hello')\n",
        "hello-1.0.data/scripts/hello-script": b"#!python\nprint('script')\n",
        "hello-1.0.data/headers/hello.h": b"",
        "hello-1.0.dist-info/entry_points.txt": b"[console_scripts]\nhello = hello:main\n",
        "hello-1.0.dist-info/METADATA": b"Name: hello\n",
    }
)
NAME = "hello-1.0-py3-none-any.whl"


def npm(content: bytes, path: str = "node_modules/@a/tool", name: str = "@a/tool") -> Lock:
    return Lock("amd64", npm=(NpmPackage(path, name, "1.0.0", len(content), digest(content)),))


def pypi(content: bytes) -> Lock:
    package = PypiPackage("hello", "1.0", NAME, len(content), digest(content))
    return Lock("amd64", pypi=(package,))


def serve_wheel(place: Place, content: bytes) -> None:
    page = {"files": [{"filename": NAME, "url": f"../../files/{NAME}#x", "hashes": {}}]}
    place.registry.files["/simple/hello/"] = json.dumps(page).encode()
    place.registry.files[f"/files/{NAME}"] = content


def test_programs_of_npm_packages_are_linked(place: Place) -> None:
    place.registry.files["/npm/@a/tool/-/tool-1.0.0.tgz"] = NPM
    root = place.build(npm(NPM)).root
    assert (root / "usr/bin/tool").readlink() == Path("/usr/lib/node_modules/@a/tool/bin/tool.js")
    assert (root / "usr/lib/node_modules/@a/tool/bin/tool.js").stat().st_mode & 0o111
    assert not (root / "usr/x").exists()


def test_dependencies_of_npm_packages_have_no_programs_outside(place: Place) -> None:
    place.registry.files["/npm/@a/tool/-/tool-1.0.0.tgz"] = NPM
    root = place.build(npm(NPM, "node_modules/b/node_modules/@a/tool")).root
    assert (root / "usr/lib/node_modules/b/node_modules/@a/tool/package.json").is_file()
    assert not (root / "usr/bin/tool").exists()


def test_the_tarball_of_a_package_is_where_the_registry_has_it() -> None:
    assert tarball_url("https://r.example/", "@a/b", "1.2.3") == (
        "https://r.example/@a/b/-/b-1.2.3.tgz"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tarball({"../../../../../x": b""}), "leads out"),
        (NPM[:-30], "damaged or cut off"),
        (b"no tarball", "damaged or cut off"),
        (tarball({"package.json": b"{"}), "package.json is not JSON"),
        (odd("package/a", size="-5"), "damaged or cut off"),
        (tarball({"package.json": b'{"bin": "missing.js"}'}), "its program tool is not in it"),
        (tarball({"package.json": b'{"bin": "../../../bin/sh"}'}), "leads out"),
    ],
)
def test_bad_npm_packages_are_refused(place: Place, content: bytes, said: str) -> None:
    place.registry.files["/npm/@a/tool/-/tool-1.0.0.tgz"] = content
    with pytest.raises(PackageProblem, match=said):
        place.build(npm(content))
    assert place.images.images() == []


def test_links_and_devices_of_npm_packages_are_left_out(place: Place) -> None:
    content = gzip.compress(
        tar(
            [
                link("package/way", "/etc"),
                member("package/way/file", b"x"),
                member("package/null", kind=tarfile.CHRTYPE),
            ]
        )
    )
    place.registry.files["/npm/@a/tool/-/tool-1.0.0.tgz"] = content
    root = place.build(npm(content)).root
    assert (root / "usr/lib/node_modules/@a/tool/way/file").read_bytes() == b"x"
    assert not (root / "usr/lib/node_modules/@a/tool/null").exists()


def test_a_wheel_is_unpacked_for_the_python_of_debian(place: Place) -> None:
    serve_wheel(place, WHEEL)
    root = place.build(pypi(WHEEL)).root
    packages = root / "usr/lib/python3/dist-packages"
    assert (packages / "hello/__init__.py").is_file()
    assert (packages / "hello-1.0.dist-info/METADATA").is_file()
    assert (root / "usr/bin/hello-script").read_bytes().startswith(b"#!/usr/bin/python3\n")
    program = root / "usr/bin/hello"
    assert program.stat().st_mode & 0o111
    assert "from hello import main" in program.read_text()
    assert not list(root.rglob("hello.h"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (WHEEL[:-30], "damaged or cut off"),
        (wheel({"../../../../../../x": b""}), "leads out"),
        (wheel({"/etc/x": b""}), "leads out|absolute"),
        (wheel({"a.dist-info/entry_points.txt": b"[console_scripts]\na = b\n"}), "no function"),
        (wheel({"a.dist-info/entry_points.txt": b"a = b\n"}), "cannot be read"),
    ],
)
def test_bad_wheels_are_refused(place: Place, content: bytes, said: str) -> None:
    serve_wheel(place, content)
    if said == "leads out|absolute":
        # As zipfile and pip do: such a name is one below the folder.
        assert place.build(pypi(content)).files
        return
    with pytest.raises(PackageProblem, match=said):
        place.build(pypi(content))


def test_a_wheel_that_the_index_has_not_is_said(place: Place) -> None:
    place.registry.files["/simple/hello/"] = b'{"files": []}'
    with pytest.raises(RegistryError, match=rf"has no file {NAME}"):
        place.build(pypi(WHEEL))
    place.registry.files["/simple/hello/"] = b"<html>"
    with pytest.raises(RegistryError, match="does not answer in JSON"):
        place.build(pypi(WHEEL))


def index_file(name: str, yanked: bool = False) -> IndexFile:
    return IndexFile(name, "https://files.example/x", "0" * 64, 7, yanked)


def test_wheels_are_chosen_for_the_python_and_machine_of_the_image() -> None:
    names = [
        "a_b-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a_b-1.0-cp39-abi3-manylinux_2_28_x86_64.whl",
        "a_b-1.0-cp37-abi3-manylinux_2_28_x86_64.whl",
        "a_b-1.0-py2.py3-none-any.whl",
    ]
    others = [
        "a_b-1.0-cp310-cp310-manylinux_2_17_x86_64.whl",
        "a_b-1.0-cp312-abi3-manylinux_2_17_x86_64.whl",
        "a_b-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
        "a_b-1.0-cp311-cp311-manylinux_2_17_aarch64.whl",
        "a_b-1.0-cp311-cp311-macosx_11_0_arm64.whl",
        "a_b-1.0-py2-none-any.whl",
        "a_b-1.1-py3-none-any.whl",
        "a_b-1.0.tar.gz",
    ]
    ranks = [wheel_rank(index_file(each), "A.B", "1.0", 11, "x86_64") for each in names]
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda each: each or (9, 9))
    for each in others:
        assert wheel_rank(index_file(each), "A.B", "1.0", 11, "x86_64") is None
    assert wheel_rank(index_file(names[0], yanked=True), "A.B", "1.0", 11, "x86_64") is None


def test_pypi_packages_of_a_specification_are_locked(place: Place) -> None:
    page = {
        "files": [
            {"filename": NAME, "url": "x", "hashes": {"sha256": digest(WHEEL)}, "size": len(WHEEL)}
        ]
    }
    place.registry.files["/simple/hello/"] = json.dumps(page).encode()
    registries = place.registries
    with Downloader(
        place.objects, place.folder / "downloads", registries.hosts, limits=QUICK
    ) as downloader:
        spec = Spec(pypi={"Hello": "1.0"})
        assert resolve_pypi(spec, registries.pypi, downloader) == pypi(WHEEL).pypi
        with pytest.raises(UnresolvedError, match=r"hello 2.0: the index has no wheel"):
            resolve_pypi(Spec(pypi={"hello": "2.0"}), registries.pypi, downloader)


def test_a_damaged_gzip_of_nothing_is_refused(place: Place) -> None:
    content = gzip.compress(b"")
    place.registry.files["/npm/@a/tool/-/tool-1.0.0.tgz"] = content
    with pytest.raises(PackageProblem, match="damaged or cut off"):
        place.build(npm(content))
