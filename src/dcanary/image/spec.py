"""The specification of an image: what its lock file is made from.

A YAML document that a person writes:

    version: 1
    extends: base                  # a standard image, or the path of another specification
    suite: bookworm
    architecture: amd64
    debian: [gcc, libc6-dev]       # or `name=version`
    npm: {motoko: 4.10.0}          # exact versions; {other: npm:motoko@3.20.0} under another name
    pypi: {requests: 2.32.3}
    links: {/usr/bin/cc: gcc}
    files: {/usr/bin/tool: tool.sh}    # a text beside the specification
    environment: {CC: gcc}
    path: [/usr/bin]
    exclude: [/usr/share/doc]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from dcanary.image.errors import SpecProblem
from dcanary.image.lock import ARCHITECTURES, path_problem

VERSION = 1
_MAX_BYTES = 256 * 1024
_MAX_DEPTH = 8
_DEBIAN = re.compile(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9][A-Za-z0-9.+~:-]*)?")
_NPM = re.compile(r"(@[a-z0-9-~][a-z0-9-._~]*/)?[a-z0-9-~][a-z0-9-._~]*")
_PYPI = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_EXACT = re.compile(r"[0-9][0-9A-Za-z.+!-]*")
_ALIAS = re.compile(rf"npm:(?:{_NPM.pattern})@(?P<version>{_EXACT.pattern})")
"""Another package under a name of one's own, as npm writes it: two versions of one package."""
_SUITE = re.compile(r"[a-z]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Spec:
    """What an image is to hold. `debian` are names or `name=version`, `files` path to content."""

    suite: str = "bookworm"
    architecture: str = "amd64"
    debian: tuple[str, ...] = ()
    npm: Mapping[str, str] = field(default_factory=dict)
    pypi: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ("/usr/bin",)
    exclude: tuple[str, ...] = ()


_KEYS = {
    "version",
    "extends",
    "suite",
    "architecture",
    "debian",
    "npm",
    "pypi",
    "links",
    "files",
    "environment",
    "path",
    "exclude",
}

FindStandard = Callable[[str], Path | None]


def read_spec(path: Path, standard: FindStandard, depth: int = 0) -> Spec:
    """The specification in a file, with those that it extends. Raises SpecProblem."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SpecProblem(str(path), "file", f"cannot be read: {error.strerror}") from error
    reader = _Reader(str(path))
    if len(content) > _MAX_BYTES:
        reader.refuse("file", f"is larger than {_MAX_BYTES} bytes")
    try:
        value = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reader.refuse("file", f"is not YAML: {' '.join(str(error).split())}")
    if not isinstance(value, dict):
        reader.refuse("file", "is not a mapping")
    for key in value:
        if key not in _KEYS:
            reader.refuse(str(key), f"is not known: use {', '.join(sorted(_KEYS))}")
    if value.get("version") != VERSION:
        reader.refuse("version", f"{value.get('version')!r} is not supported: write {VERSION}")
    base = Spec()
    if "extends" in value:
        if depth >= _MAX_DEPTH:
            reader.refuse("extends", "the specifications extend each other")
        name = reader.text(value["extends"], "extends")
        other = standard(name) or path.parent / name
        base = read_spec(other, standard, depth + 1)
    return reader.spec(value, base)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file

    def spec(self, value: Mapping[str, Any], base: Spec) -> Spec:
        debian = self._list(value, "debian")
        self._match(debian, "debian", _DEBIAN, "is not a package, or package=version")
        npm, pypi = self._mapping(value, "npm"), self._mapping(value, "pypi")
        for key, pattern, found in (("npm", _NPM, npm), ("pypi", _PYPI, pypi)):
            for name, version in found.items():
                if not pattern.fullmatch(name):
                    self.refuse(f"{key}.{name}", "is not the name of a package")
                alias = _ALIAS.fullmatch(version) if key == "npm" else None
                if not alias and not _EXACT.fullmatch(version):
                    self.refuse(f"{key}.{name}", f"{version!r} is not one exact version")
        links = self._mapping(value, "links")
        for link in links:
            if problem := path_problem(link):
                self.refuse(f"links.{link}", problem)
        files = self._mapping(value, "files")
        for path, name in files.items():
            if problem := path_problem(path):
                self.refuse(f"files.{path}", problem)
            files[path] = self._content(path, name)
        environment = self._mapping(value, "environment")
        for name in environment:
            if not _VARIABLE.fullmatch(name):
                self.refuse(f"environment.{name}", "is not the name of a variable")
        suite = self.text(value.get("suite", base.suite), "suite")
        if not _SUITE.fullmatch(suite):
            self.refuse("suite", f"{suite!r} is not the name of a release of Debian")
        architecture = self.text(value.get("architecture", base.architecture), "architecture")
        if architecture not in ARCHITECTURES:
            self.refuse("architecture", f"is not one of {', '.join(ARCHITECTURES)}")
        return Spec(
            suite=suite,
            architecture=architecture,
            debian=tuple(dict.fromkeys((*base.debian, *debian))),
            npm={**base.npm, **npm},
            pypi={**base.pypi, **pypi},
            links={**base.links, **links},
            files={**base.files, **files},
            environment={**base.environment, **environment},
            path=tuple(self._paths(value, "path")) or base.path,
            exclude=tuple(dict.fromkeys((*base.exclude, *self._paths(value, "exclude")))),
        )

    def text(self, value: object, where: str) -> str:
        if not isinstance(value, str) or not value or "\n" in value:
            self.refuse(where, "is not a text of one line (put numbers in quotes)")
        return value

    def refuse(self, where: str, what: str) -> NoReturn:
        raise SpecProblem(self._file, where, what)

    def _content(self, path: str, name: str) -> str:
        file = Path(self._file).parent / name
        try:
            content = file.read_bytes()
            if len(content) > _MAX_BYTES:
                self.refuse(f"files.{path}", f"{file} is larger than {_MAX_BYTES} bytes")
            return content.decode()
        except OSError as error:
            self.refuse(f"files.{path}", f"{file} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self.refuse(f"files.{path}", f"{file} is no text in UTF-8")

    def _list(self, value: Mapping[str, Any], key: str) -> list[str]:
        found = value.get(key) or []
        if not isinstance(found, list):
            self.refuse(key, "is not a list")
        return [self.text(each, f"{key}[{number}]") for number, each in enumerate(found)]

    def _paths(self, value: Mapping[str, Any], key: str) -> list[str]:
        found = self._list(value, key)
        for number, each in enumerate(found):
            if problem := path_problem(each):
                self.refuse(f"{key}[{number}]", problem)
        return found

    def _mapping(self, value: Mapping[str, Any], key: str) -> dict[str, str]:
        found = value.get(key) or {}
        if not isinstance(found, dict):
            self.refuse(key, "is not a mapping")
        return {
            self.text(name, key): self.text(inner, f"{key}.{name}") for name, inner in found.items()
        }

    def _match(self, values: list[str], key: str, pattern: re.Pattern[str], what: str) -> None:
        for number, each in enumerate(values):
            if not pattern.fullmatch(each):
                self.refuse(f"{key}[{number}]", f"{each!r} {what}")
