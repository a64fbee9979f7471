"""Wheels of the Python Package Index in an image: unpacked for Debian's Python."""

from __future__ import annotations

import configparser
import io
import json
import re
import zipfile
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote, urljoin

from dcanary.download.downloader import Downloader
from dcanary.image.errors import PackageProblem, RegistryError
from dcanary.image.lock import PypiPackage
from dcanary.image.tree import Tree

_PACKAGES = "usr/lib/python3/dist-packages"
_PROGRAMS = "usr/bin"
_MAX_FILE_BYTES = 1024 * 1024 * 1024
_MAX_INDEX_BYTES = 64 * 1024 * 1024
_INDEX = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class IndexFile:
    """A file of a project in the index; `size` is 0 and `sha256` empty where it says none."""

    name: str
    url: str
    sha256: str
    size: int
    yanked: bool


_ENTRY = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[.*\])?")


def wheel_url(downloader: Downloader, index: str, wheel: PypiPackage) -> str:
    """Where the index has a wheel. Raises RegistryError and DownloadError."""
    for each in read_index(downloader, index, wheel.name):
        if each.name == wheel.file:
            return each.url
    raise RegistryError(f"{wheel.name}: the index of Python packages has no file {wheel.file}")


def read_index(downloader: Downloader, index: str, name: str) -> list[IndexFile]:
    """The files of a project. Raises RegistryError and DownloadError."""
    base = f"{index.rstrip('/')}/{quote(normal_name(name))}/"
    content = downloader.read(base, _MAX_INDEX_BYTES, _INDEX)
    try:
        return [
            IndexFile(
                each["filename"],
                urljoin(base, each["url"]).partition("#")[0],
                each["hashes"].get("sha256", ""),
                int(each.get("size") or 0),
                bool(each.get("yanked")),
            )
            for each in json.loads(content)["files"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistryError(
            f"{name}: the index of Python packages does not answer in JSON (PEP 691)"
        ) from error


def normal_name(name: str) -> str:
    """The name of a project as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def unpack_wheel(file: BinaryIO, wheel: PypiPackage, tree: Tree) -> None:
    """Unpack a wheel, and make its programs. Raises PackageProblem."""
    owner = f"{wheel.name} {wheel.version}"
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                place = _place(info.filename)
                if info.is_dir() or place is None:
                    continue
                executable = bool(info.external_attr >> 16 & 0o111) or place.startswith(_PROGRAMS)
                if info.file_size > _MAX_FILE_BYTES:
                    raise PackageProblem(f"{owner}: {info.filename} is larger than allowed")
                with archive.open(info) as content:
                    read = io.BytesIO(_interpreted(content.read(), place))
                tree.file(place, owner, read, size=read.getbuffer().nbytes, executable=executable)
                if info.filename.endswith(".dist-info/entry_points.txt"):
                    _add_programs(read.getvalue().decode(), owner, tree)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise PackageProblem(f"{owner}: the wheel is damaged or cut off: {error}") from error


def _place(name: str) -> str | None:
    """Where a file of a wheel goes; None for headers, which nothing at run time needs."""
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return f"{_PACKAGES}/{name}"
    kind, _, inner = rest.partition("/")
    folder = {"purelib": _PACKAGES, "platlib": _PACKAGES, "scripts": _PROGRAMS, "data": "usr"}
    return f"{folder[kind]}/{inner}" if kind in folder else None


def _interpreted(content: bytes, place: str) -> bytes:
    if place.startswith(f"{_PROGRAMS}/") and content.startswith(b"#!python"):
        return b"#!/usr/bin/python3" + content[len(b"#!python") :]
    return content


def _add_programs(text: str, owner: str, tree: Tree) -> None:
    settings = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    settings.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    try:
        settings.read_string(text)
    except configparser.Error as error:
        raise PackageProblem(f"{owner}: entry_points.txt cannot be read: {error}") from error
    if not settings.has_section("console_scripts"):
        return
    for program, value in sorted(settings.items("console_scripts")):
        match = _ENTRY.fullmatch(value.strip())
        if match is None or "/" in program:
            raise PackageProblem(f"{owner}: the program {program} has no function: {value}")
        function = match[2].partition(".")[0]
        script = (
            f"#!/usr/bin/python3\nimport sys\nfrom {match[1]} import {function}\n"
            f"sys.exit({match[2]}())\n"
        ).encode()
        tree.file(
            f"{_PROGRAMS}/{program}", owner, io.BytesIO(script), size=len(script), executable=True
        )
