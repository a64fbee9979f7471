"""The lock file of an image: every package of it by name, version and hash.

A lock names no host: a path is relative to the registry, which is a setting of the machine that
builds. The digest of a lock is made of its values, so that another layout of the file does not
matter; it is what names the image.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn, TypeVar

from dcanary.image.errors import LockProblem

VERSION = 1
MAX_LOCK_BYTES = 4 * 1024 * 1024
MAX_PACKAGE_BYTES = 2 * 1024**3
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
ARCHIVES = ("debian", "debian-security")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9@][A-Za-z0-9@/._+-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:!_-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, order=True)
class DebianPackage:
    """A `.deb` file: `archive` is one of ARCHIVES, `path` is below the root of that archive."""

    name: str
    version: str
    architecture: str
    archive: str
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, order=True)
class NpmPackage:
    """A tarball of the npm registry, unpacked in `path` below /usr/lib."""

    path: str
    name: str
    version: str
    size: int
    sha256: str


@dataclass(frozen=True, order=True)
class PypiPackage:
    """A wheel of the Python Package Index."""

    name: str
    version: str
    file: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Lock:
    """All that an image is made of.

    `links` are symbolic links, path to what they hold; `files` are small texts, path to content,
    that can be run when they begin with `#!`. `environment` and `path` are what commands get; what
    is at or below a path of `exclude` is left out. `releases` says from which signed state of the
    archives the packages were chosen: `archive suite` to the moment of the release.
    """

    architecture: str
    suite: str = ""
    releases: Mapping[str, str] = field(default_factory=dict)
    debian: tuple[DebianPackage, ...] = ()
    npm: tuple[NpmPackage, ...] = ()
    pypi: tuple[PypiPackage, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ("/usr/bin",)
    exclude: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Hexadecimal sha256 of the values of the lock; it names the image."""
        text = json.dumps(_plain(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def machine(self) -> str:
        """The architecture as `uname -m` calls it."""
        return ARCHITECTURES[self.architecture]

    def objects(self) -> dict[str, str]:
        """sha256 of every file that the image is made from, to what it is called."""
        return {
            **{each.sha256: f"{each.name} {each.version}" for each in self.debian},
            **{each.sha256: f"{each.name} {each.version}" for each in self.npm},
            **{each.sha256: each.file for each in self.pypi},
        }


def format_lock(lock: Lock) -> str:
    """The text of a lock file: sorted, with one package a line, so that changes can be read."""
    value = _plain(lock)
    lines = []
    for key in sorted(value):
        inner = value[key]
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            items = ",\n".join("    " + json.dumps(each) for each in inner)
            text = f"[\n{items}\n  ]"
        elif isinstance(inner, (list, dict)) and inner:
            text = json.dumps(inner, indent=2, sort_keys=True).replace("\n", "\n  ")
        else:
            text = json.dumps(inner)
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_lock(path: Path) -> Lock:
    """The lock in a file. Raises LockProblem."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LOCK_BYTES + 1)
    except OSError as error:
        raise LockProblem(str(path), "", f"cannot be read: {error.strerror}") from error
    return parse_lock(content, str(path))


def parse_lock(content: bytes, file: str) -> Lock:
    """The lock in the text of a lock file. Raises LockProblem, which names `file` and a field."""
    if len(content) > MAX_LOCK_BYTES:
        raise LockProblem(file, "", f"is larger than {MAX_LOCK_BYTES} bytes")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise LockProblem(file, "", f"is not JSON: {error}") from error
    return _Reader(file).lock(value)


def _plain(lock: Lock) -> dict[str, Any]:
    return {"version": VERSION, **json.loads(json.dumps(asdict(lock)))}


_Package = TypeVar("_Package", DebianPackage, NpmPackage, PypiPackage)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file

    def lock(self, value: object) -> Lock:
        top = self._record(value, "", {"version", *(each.name for each in fields(Lock))})
        if top.get("version") != VERSION:
            self._refuse(
                "version",
                f"{top.get('version')!r} is not supported: this DCanary reads version {VERSION}. "
                "Lock the image again, or use the DCanary that made the lock",
            )
        architecture = top.get("architecture")
        if architecture not in ARCHITECTURES:
            self._refuse("architecture", f"is not one of {', '.join(ARCHITECTURES)}")
        debian = self._packages(top, "debian", DebianPackage)
        for number, deb in enumerate(debian):
            where = f"debian[{number}]"
            if deb.archive not in ARCHIVES:
                self._refuse(f"{where}.archive", f"is not one of {', '.join(ARCHIVES)}")
            if deb.architecture not in (architecture, "all"):
                self._refuse(f"{where}.architecture", f"{deb.architecture} is not {architecture}")
            self._relative(deb.path, f"{where}.path")
        self._once([each.name for each in debian], "debian")
        npm = self._packages(top, "npm", NpmPackage)
        for number, tarball in enumerate(npm):
            self._relative(tarball.path, f"npm[{number}].path")
            if not tarball.path.startswith("node_modules/"):
                self._refuse(f"npm[{number}].path", "is not below node_modules")
        self._once([each.path for each in npm], "npm")
        pypi = self._packages(top, "pypi", PypiPackage)
        for number, wheel in enumerate(pypi):
            if "/" in wheel.file or not wheel.file.endswith(".whl"):
                self._refuse(f"pypi[{number}].file", "is not the name of a wheel")
        self._once([each.name for each in pypi], "pypi")
        links = self._texts(top, "links")
        for link in links:
            if problem := path_problem(link):
                self._refuse(f"links.{link}", problem)
        files = self._texts(top, "files", lines=True)
        for path in files:
            if problem := path_problem(path):
                self._refuse(f"files.{path}", problem)
            # A link below a link is below what that leads to; a file is written before all links.
            for other in (*files, *links):
                if path.startswith(f"{other}/"):
                    self._refuse(f"files.{path}", f"is below {other}, which is no folder")
        for link in links:
            for other in files:
                if link.startswith(f"{other}/"):
                    self._refuse(f"links.{link}", f"is below {other}, which is a file")
        environment = self._texts(top, "environment")
        for name in environment:
            if not _VARIABLE.fullmatch(name):
                self._refuse(f"environment.{name}", "is not the name of a variable")
        return Lock(
            architecture=str(architecture),
            suite=self._text(top.get("suite", ""), "suite"),
            releases=self._texts(top, "releases"),
            debian=tuple(sorted(debian)),
            npm=tuple(sorted(npm)),
            pypi=tuple(sorted(pypi)),
            links=links,
            files=files,
            environment=environment,
            path=self._paths(top, "path"),
            exclude=self._paths(top, "exclude"),
        )

    def _packages(self, top: Mapping[str, Any], key: str, kind: type[_Package]) -> list[_Package]:
        found = top.get(key, [])
        if not isinstance(found, list):
            self._refuse(key, "is not a list")
        return [self._package(each, f"{key}[{n}]", kind) for n, each in enumerate(found)]

    def _package(self, value: object, where: str, kind: type[_Package]) -> _Package:
        names = [each.name for each in fields(kind)]
        record = self._record(value, where, set(names))
        for name in names:
            if name not in record:
                self._refuse(where, f"has no {name}")
            inner = record[name]
            if name == "size":
                if type(inner) is not int or not 0 <= inner <= MAX_PACKAGE_BYTES:
                    self._refuse(f"{where}.size", f"is not a number up to {MAX_PACKAGE_BYTES}")
            elif name == "sha256":
                if not isinstance(inner, str) or not _SHA256.fullmatch(inner):
                    self._refuse(f"{where}.sha256", "is not 64 hexadecimal digits in small letters")
            elif name == "name" and not _NAME.fullmatch(self._text(inner, f"{where}.name")):
                self._refuse(f"{where}.name", f"{inner!r} is not the name of a package")
            elif name == "version" and not _VERSION.fullmatch(
                self._text(inner, f"{where}.version")
            ):
                self._refuse(f"{where}.version", f"{inner!r} is not a version")
            else:
                self._text(inner, f"{where}.{name}")
        return kind(**record)

    def _once(self, names: list[str], where: str) -> None:
        for name in names:
            if names.count(name) > 1:
                self._refuse(where, f"{name} is there twice")

    def _relative(self, path: str, where: str) -> None:
        parts = path.split("/")
        if "" in parts or "." in parts or ".." in parts:
            self._refuse(where, f"{path!r} is not a plain relative path")

    def _paths(self, top: Mapping[str, Any], key: str) -> tuple[str, ...]:
        found = top.get(key, [])
        if not isinstance(found, list):
            self._refuse(key, "is not a list")
        for number, each in enumerate(found):
            where = f"{key}[{number}]"
            if problem := path_problem(self._text(each, where)):
                self._refuse(where, problem)
        return tuple(found)

    def _texts(self, top: Mapping[str, Any], key: str, *, lines: bool = False) -> dict[str, str]:
        found = top.get(key, {})
        if not isinstance(found, dict):
            self._refuse(key, "is not an object")
        for name, inner in found.items():
            if not lines:
                self._text(inner, f"{key}.{name}")
            elif not isinstance(inner, str):
                self._refuse(f"{key}.{name}", "is not a text")
        return found

    def _record(self, value: object, where: str, known: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._refuse(where, "is not an object")
        for name in value:
            if name not in known:
                self._refuse(f"{where}.{name}".lstrip("."), "is not known")
        return value

    def _text(self, value: object, where: str) -> str:
        if not isinstance(value, str) or "\0" in value or "\n" in value or len(value) > 4_096:
            self._refuse(where, "is not a text of one line")
        return value

    def _refuse(self, where: str, what: str) -> NoReturn:
        raise LockProblem(self._file, where, what)


def path_problem(path: str) -> str:
    """What is wrong with an absolute path inside an image; empty for nothing."""
    pure = PurePosixPath(path)
    if not path.startswith("/") or str(pure) != path or ".." in pure.parts or path == "/":
        return f"{path!r} is not an absolute path without . and .."
    return ""
