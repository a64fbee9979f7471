"""package-lock.json of npm 7 and later (versions 2 and 3), and npm-shrinkwrap.json."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from dcanary import not_yet
from dcanary.fetch.locks.reader import integrity, json_document, json_lines
from dcanary.fetch.pinned import Pinned, ReadFile, Reading, Target, inside, shown

NAME = re.compile(r"(?:@[a-z0-9~._-]+/)?[A-Za-z0-9~._-]+")
VERSION = re.compile(r"[0-9A-Za-z.+-]{1,256}")
AGAIN = (
    # npm leaves what stands in a lock as it is.
    "delete the file, lock again with `npm install --package-lock-only` and commit the result"
)
PUBLISHED = "use a published version, or an https tarball with an integrity"
_RESOLVED = (
    "delete the file and lock again with `npm install --package-lock-only "
    "--omit-lockfile-registry-resolved=false`"
)
_CPU = {"x86_64": "x64", "aarch64": "arm64"}


class Npm:
    """See `Reader`."""

    kind, tool = "npm", "npm"
    names = "package-lock.json npm-shrinkwrap.json"

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """See `Reader.read`."""
        found = json_document(text)
        lines = json_lines(text, 3)
        version = found.get("lockfileVersion")
        if version not in (2, 3):
            line = lines.get(("lockfileVersion",), 0)
            into.problem(
                file,
                line,
                f"lockfileVersion {shown(version)} is not supported, 2 and 3 are",
                "lock again with `npm install --package-lock-only --lockfile-version 3`",
            )
            return
        packages = found.get("packages")
        if not isinstance(packages, dict):
            into.problem(file, 0, "there are no packages in it", AGAIN)
            return
        for key, entry in packages.items():
            line = lines.get(("packages", key), 0)
            if not isinstance(entry, dict):
                into.problem(file, line, f"the entry {shown(key)} is no object", AGAIN)
            elif not _is_local(key, entry) and not _is_elsewhere(entry, target):
                _read_entry(file, line, key, entry, into)


def _is_local(key: str, entry: dict[str, Any]) -> bool:
    """Whether an entry is a part of the repository, or of another package's tarball."""
    return "node_modules/" not in f"{key}/" or entry.get("inBundle") is True


def _is_elsewhere(entry: dict[str, Any], target: Target) -> bool:
    """Whether npm leaves a package out because it is for other machines."""
    optional = entry.get("optional") is True or entry.get("devOptional") is True
    return optional and is_for_others(entry, target)


def is_for_others(entry: dict[str, Any], target: Target) -> bool:
    """Whether a package is for other machines than `target`, by what its package.json says."""
    return not (
        _fits(entry.get("os"), "linux")
        and _fits(entry.get("cpu"), _CPU[target.machine])
        and _fits(entry.get("libc"), "glibc")
    )


def _fits(listed: object, ours: str) -> bool:
    """npm's rule for `os`, `cpu` and `libc`: a list of names, or of names that are excluded."""
    names = [listed] if isinstance(listed, str) else listed
    if not isinstance(names, list) or not names or names == ["any"]:
        return True
    if f"!{ours}" in names:
        return False
    return ours in names or all(isinstance(each, str) and each.startswith("!") for each in names)


def _read_entry(file: str, line: int, key: str, entry: dict[str, Any], into: Reading) -> None:
    named = entry.get("name") or key.rpartition("node_modules/")[2]
    version, resolved = entry.get("version"), entry.get("resolved")
    what = shown(f"{named}@{version}" if version else named)
    if entry.get("link") is True or (isinstance(resolved, str) and resolved.startswith("file:")):
        check_local(file, line, what, resolved, into)
        return
    if not isinstance(named, str) or not NAME.fullmatch(named):
        into.problem(file, line, f"{what} is no name of a package", AGAIN)
    elif not isinstance(version, str) or not VERSION.fullmatch(version):
        into.problem(file, line, f"{what} has no version", AGAIN)
    elif resolved is None:
        # npm would ask the registry's index in the build, and its cache answers for an index only
        # where it can be written to.
        into.problem(file, line, f"{what} has no `resolved`", _RESOLVED)
    else:
        add("npm", file, line, (named, version), resolved, entry.get("integrity"), AGAIN, into)


def check_local(file: str, line: int, what: str, path: object, into: Reading) -> None:
    """Note a problem unless a path of this repository is named: the commit pins it then."""
    named = re.sub(r"^(file|link|portal):", "", path) if isinstance(path, str) else ""
    if not named or inside(file, named) is None:
        into.problem(
            file,
            line,
            f"{what} is {shown(path)}, which is not in this repository",
            "move it into the repository, or " + PUBLISHED,
        )


def add(
    kind: str,
    file: str,
    line: int,
    package: tuple[str, str],
    resolved: object,
    hashes: object,
    again: str,
    into: Reading,
) -> None:
    """Add a tarball of a registry with its `integrity`, or say why it is not pinned."""
    name, version = package
    what = shown(f"{name}@{version}" if version else name)
    try:
        parts = urlsplit(resolved) if isinstance(resolved, str) else None
    except ValueError:
        parts = None
    if parts is None or not isinstance(resolved, str) or not resolved.isprintable():
        into.problem(file, line, f"{what} has no URL", again)
    elif parts.scheme in ("git", "git+ssh", "git+https", "git+http", "git+file", "ssh"):
        into.problem(
            file,
            line,
            f"{what} is a Git commit, whose bytes no hash in the lock pins",
            not_yet.GIT_DEPENDENCIES.sentence(shown(name)),
        )
    elif parts.scheme != "https" or not parts.netloc:
        into.problem(file, line, f"{what} is not fetched by https: {shown(resolved)}", PUBLISHED)
    elif len(digests := integrity(hashes)) != 1:
        said = "several hashes" if digests else "only a weak hash" if hashes else "no integrity"
        into.problem(file, line, f"{what} has {said}: it is not pinned", again)
    else:
        url = resolved.partition("#")[0]
        into.pins.append(Pinned(kind, name, version, url, tuple(digests), file, line))
