"""uv.lock of uv: versions of packages with the URLs and hashes of their files."""

from __future__ import annotations

import posixpath
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from dcanary import not_yet
from dcanary.fetch.locks.npm import check_local
from dcanary.fetch.locks.reader import from_hex, table_lines, toml_document
from dcanary.fetch.pinned import Pinned, ReadFile, Reading, Target, shown
from dcanary.fetch.wheels import Wheels

_AGAIN = "lock again with `uv lock` and commit the result"
_PUBLISHED = "use a published version"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_VERSION = re.compile(r"[0-9A-Za-z.+!_-]{1,128}")
_LOCAL = ("virtual", "editable", "directory", "path")


class Uv:
    """See `Reader`."""

    kind, tool, names = "pypi", "uv", "uv.lock"

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """See `Reader.read`."""
        found = toml_document(text)
        if found.get("version") != 1:
            said = f"version {shown(found.get('version'))} is not supported, 1 is"
            into.problem(file, 0, said, _AGAIN)
            return
        packages = found.get("package", [])
        if not isinstance(packages, list):
            into.problem(file, 0, "its packages are no list", _AGAIN)
            return
        lines = table_lines(text, "package")
        if len(lines) != len(packages):
            lines = [0] * len(packages)
        wheels = Wheels(target)
        for line, entry in zip(lines, packages, strict=True):
            _read_entry(file, line, entry if isinstance(entry, dict) else {}, wheels, into)


def _read_entry(file: str, line: int, entry: dict[str, Any], wheels: Wheels, into: Reading) -> None:
    name, version, source = entry.get("name"), entry.get("version"), entry.get("source")
    what = shown(f"{name} {version or ''}".strip())
    source = source if isinstance(source, dict) else {}
    local = next((source[each] for each in _LOCAL if each in source), None)
    if local is not None:
        check_local(file, line, what, local, into)
    elif not isinstance(name, str) or not _NAME.fullmatch(name):
        into.problem(file, line, f"{what} is no name of a package", _AGAIN)
    elif not isinstance(version, str) or not _VERSION.fullmatch(version):
        into.problem(file, line, f"{what} has no version", _AGAIN)
    elif "git" in source:
        into.problem(
            file,
            line,
            f"{what} is a Git commit, whose bytes no hash in the lock pins",
            not_yet.GIT_DEPENDENCIES.sentence(name),
        )
    elif "registry" not in source and "url" not in source:
        into.problem(file, line, f"{what} has no source that is known", _AGAIN)
    else:
        _read_files(file, line, (name, version), entry, wheels, into)


def _read_files(
    file: str,
    line: int,
    package: tuple[str, str],
    entry: dict[str, Any],
    wheels: Wheels,
    into: Reading,
) -> None:
    name, version = package
    listed = entry.get("wheels", [])
    files: dict[str, dict[str, Any]] = {}
    for each in [*(listed if isinstance(listed, list) else []), entry.get("sdist")]:
        url = each.get("url", _url_of(entry)) if isinstance(each, dict) else None
        if isinstance(each, dict) and isinstance(url, str):
            files.setdefault(_file_name(url), {**each, "url": url})
    best = wheels.best(files)
    if best is None:
        # For other machines only, as pywin32 is: uv leaves it out, too.
        if not files:
            into.problem(file, line, f"{name} {version} has no files", _AGAIN)
        return
    url = files[best]["url"]
    algorithm, _, digits = str(files[best].get("hash", "")).partition(":")
    digest = from_hex(algorithm, digits)
    if digest is None:
        into.problem(file, line, f"{name} {version} has no hash: it is not pinned", _AGAIN)
    elif not url.startswith("https://") or not url.isprintable():
        said = f"{name} {version} is not fetched by https: {shown(url)}"
        into.problem(file, line, said, _PUBLISHED)
    else:
        url = url.partition("#")[0]
        into.pins.append(Pinned("pypi", name, version, url, (digest,), file, line, best))


def _url_of(entry: dict[str, Any]) -> object:
    source = entry.get("source")
    return source.get("url") if isinstance(source, dict) else None


def _file_name(url: str) -> str:
    try:
        return posixpath.basename(unquote(urlsplit(url).path))
    except ValueError:
        return ""
