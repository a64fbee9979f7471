"""mops.lock of mops 1 and later: each file of each package by its sha256."""

from __future__ import annotations

import re

from dcanary import not_yet
from dcanary.fetch.locks.npm import check_local
from dcanary.fetch.locks.reader import from_hex, json_document, json_lines
from dcanary.fetch.locks.urls import is_plain_path
from dcanary.fetch.pinned import Pinned, ReadFile, Reading, Target, shown

_AGAIN = "lock again with `mops install --lock update` and commit the result"
_PACKAGE = re.compile(r"([A-Za-z0-9_-]{1,100})@([0-9A-Za-z.+-]{1,100})")


class Mops:
    """See `Reader`."""

    kind, tool, names = "mops", "mops", "mops.lock"

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """See `Reader.read`."""
        found = json_document(text)
        lines = json_lines(text, 3)
        version, hashes = found.get("version"), found.get("hashes")
        if version not in (1, 2, 3) or not isinstance(hashes, dict):
            line = lines.get(("version",), 0)
            said = f"version {shown(version)} is not supported, 1 to 3 are"
            into.problem(
                file, line, said if isinstance(hashes, dict) else "it has no hashes", _AGAIN
            )
            return
        dependencies = found.get("deps", {})
        for name, value in dependencies.items() if isinstance(dependencies, dict) else ():
            _check_dependency(file, lines.get(("deps", name), 0), name, value, into)
        for package, files in hashes.items():
            line = lines.get(("hashes", package), 0)
            named = _PACKAGE.fullmatch(package)
            if named is None or not isinstance(files, dict):
                into.problem(file, line, f"{shown(package)} is no package with files", _AGAIN)
                continue
            for path, digits in files.items():
                line = lines.get(("hashes", package, path), 0)
                digest = from_hex("sha256", digits)
                if not path.startswith(f"{package}/") or not is_plain_path(path):
                    into.problem(file, line, f"{shown(path)} is no file of {package}", _AGAIN)
                elif digest is None:
                    into.problem(file, line, f"{path} has no sha256: it is not pinned", _AGAIN)
                else:
                    into.pins.append(
                        Pinned("mops", named[1], named[2], "", (digest,), file, line, path)
                    )


def _check_dependency(file: str, line: int, name: str, value: object, into: Reading) -> None:
    """Note a problem for what is no package of the registry and no folder of the repository."""
    what = shown(f"{name} {value}")
    if isinstance(value, str) and value.startswith("https://github.com/"):
        into.problem(
            file,
            line,
            f"{what} is a Git repository, whose archive nobody pins",
            not_yet.GIT_DEPENDENCIES.sentence(shown(name)),
        )
    elif isinstance(value, str) and ("/" in value or value.startswith(".")):
        check_local(file, line, what, value, into)
    elif not isinstance(value, str) or not re.fullmatch(r"[0-9A-Za-z.+-]{1,100}", value):
        into.problem(file, line, f"{what} has no version", _AGAIN)
