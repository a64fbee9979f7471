"""pnpm-lock.yaml of pnpm 8 and later: versions 6 and 9.

A package of the registry has no URL there: pnpm makes it of name and version, and so does the
layout. What has a URL of its own is refused even with a hash, as pnpm would ask it in the build.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from dcanary.download.registries import NPM
from dcanary.fetch.locks.npm import NAME, VERSION, add, check_local, is_for_others
from dcanary.fetch.locks.yaml_text import Document, yaml_documents
from dcanary.fetch.pinned import ReadFile, Reading, Target, shown

_AGAIN = "lock again with `pnpm install --lockfile-only` and commit the result"
_NO_URLS = (
    "use a published version; if it is one, lock again without the setting "
    "lockfile-include-tarball-url"
)
_SCOPE = re.compile(r"\s*(@[^:\s=]+):registry\s*=")


class Pnpm:
    """See `Reader`."""

    kind, tool, names = "pnpm", "pnpm", "pnpm-lock.yaml"

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """See `Reader.read`."""
        documents = yaml_documents(text, 2)
        # Since pnpm 11 a document before it may say which pnpm itself is to be installed.
        found = documents[-1] if documents else Document()
        version = str(found.value.get("lockfileVersion"))
        if version.partition(".")[0] not in ("6", "9"):
            into.problem(
                file,
                found.lines.get(("lockfileVersion",), 0),
                f"lockfileVersion {shown(version)} is not supported, 6 and 9 are",
                "lock again with `pnpm install --lockfile-only` of pnpm 8, 9 or 10",
            )
            return
        packages = found.value.get("packages") or {}
        if not isinstance(packages, dict):
            into.problem(file, 0, "its packages are no mapping", _AGAIN)
            return
        needed = _needed(found.value.get("snapshots"), packages)
        scopes = set()
        for key, entry in packages.items():
            line = found.lines.get(("packages", key), 0)
            if not isinstance(entry, dict):
                into.problem(file, line, f"the entry {shown(key)} is no mapping", _AGAIN)
            elif key in needed or not is_for_others(entry, target):
                scopes.add(_read_entry(file, line, key, entry, into).partition("/")[0])
        _check_scopes(file, scopes, read, into)


def _needed(snapshots: object, packages: dict[str, Any]) -> set[str]:
    """The keys of packages that pnpm installs on every machine: those that are not optional."""
    entries = snapshots if isinstance(snapshots, dict) else packages
    found = set()
    for key, entry in entries.items():
        if not (isinstance(entry, dict) and entry.get("optional") == "true"):
            # Version 9 has an entry for each choice of peers, which stands in parentheses.
            found.add(key.partition("(")[0] if entries is snapshots else key)
    return found


def _read_entry(file: str, line: int, key: str, entry: dict[str, Any], into: Reading) -> str:
    """Add what an entry pins, or a problem. The name of the package, empty if it has none."""
    resolution = entry.get("resolution")
    resolution = resolution if isinstance(resolution, dict) else {}
    # Before its peers: `/name@1.0.0` of version 6, `name@1.0.0` of version 9.
    plain = key.partition("(")[0].removeprefix("/")
    start = plain.rfind("@")
    name, version = (plain[:start], plain[start + 1 :]) if start > 0 else (plain, "")
    what = shown(plain)
    tarball, directory = resolution.get("tarball"), resolution.get("directory")
    if directory is not None:
        check_local(file, line, what, directory, into)
    elif isinstance(tarball, str) and tarball.startswith("file:"):
        check_local(file, line, what, tarball, into)
    elif resolution.get("type") == "git" or (tarball is not None and _is_git(resolution)):
        named = entry.get("name") or re.split("@(?:https?|git|ssh)", plain)[0]
        add("pnpm", file, line, (str(named), ""), "git://", None, _AGAIN, into)
    elif tarball is not None:
        said = f"{what} has a URL of its own, which pnpm would ask in the build: {shown(tarball)}"
        into.problem(file, line, said, _NO_URLS)
    elif not NAME.fullmatch(name):
        into.problem(file, line, f"{what} names no package", _AGAIN)
    elif not VERSION.fullmatch(version):
        into.problem(file, line, f"{what} has no version", _AGAIN)
    else:
        url = NPM + tarball_path(name, version)
        add("pnpm", file, line, (name, version), url, resolution.get("integrity"), _AGAIN, into)
        return name
    return ""


def _is_git(resolution: dict[str, Any]) -> bool:
    """Whether a tarball is one that a forge makes of a commit, as pnpm decides it."""
    hosts = ("https://codeload.github.com/", "https://bitbucket.org/", "https://gitlab.com/")
    return resolution.get("gitHosted") == "true" or str(resolution["tarball"]).startswith(hosts)


def tarball_path(name: str, version: str) -> str:
    """Where below a registry pnpm looks for a package."""
    return f"{name}/-/{name.rpartition('/')[2]}-{version.partition('+')[0]}.tgz"


def _check_scopes(file: str, scopes: set[str], read: ReadFile, into: Reading) -> None:
    """Refuse registries of scopes: pnpm would ask them, whatever its environment says."""
    settings = posixpath.join(posixpath.dirname(file), ".npmrc")
    lines = (read(settings) or b"").decode(errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        found = _SCOPE.match(line)
        if found and found[1] in scopes:
            into.problem(
                settings,
                number,
                f"pnpm would ask another registry for packages of {shown(found[1])} in the build",
                "remove the line: whoever runs the executor says where packages come from",
            )
