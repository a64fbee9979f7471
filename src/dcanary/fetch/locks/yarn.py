"""yarn.lock of Yarn 1.

Yarn 2 and later pin the archives that Yarn itself makes of packages, not what registries serve:
nobody but Yarn can check them, so such files are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from dcanary import not_yet
from dcanary.fetch.locks.npm import NAME, VERSION, add, check_local
from dcanary.fetch.pinned import ReadFile, Reading, Target, shown

_AGAIN = "lock again with `yarn install` of Yarn 1 and commit the result"
_FIELD = re.compile(r'  (version|resolved|integrity) (?:"([^"]*)"|(\S+))')
_PATTERN = re.compile(r'"([^"]*)"|([^",\s]+)')
_LOCAL = ("file:", "link:", "portal:")


@dataclass
class _Entry:
    line: int
    patterns: list[str]
    fields: dict[str, str] = field(default_factory=dict)


class Yarn:
    """See `Reader`."""

    kind, tool, names = "yarn", "Yarn", "yarn.lock"

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """See `Reader.read`."""
        if re.search(r"^__metadata:", text, re.MULTILINE):
            into.problem(
                file,
                0,
                "this is a lock of Yarn 2 or later, which pins archives that only Yarn makes",
                not_yet.YARN_BERRY.sentence(),
            )
            return
        if "# yarn lockfile v1" not in text[:1000]:
            into.problem(file, 1, "this is no yarn.lock of Yarn 1", _AGAIN)
            return
        for entry in _entries(file, text, into):
            _read_entry(file, entry, into)


def _entries(file: str, text: str, into: Reading) -> list[_Entry]:
    found: list[_Entry] = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.rstrip("\r")
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            if not line.endswith(":"):
                into.problem(file, number, f"{shown(line)} is no entry", _AGAIN)
                return found
            patterns = [one or other for one, other in _PATTERN.findall(line[:-1])]
            found.append(_Entry(number, patterns))
        elif found and (read := _FIELD.fullmatch(line)):
            # Dependencies have names like these, too, but stand four spaces in.
            found[-1].fields[read[1]] = read[2] or read[3] or ""
    return found


def _read_entry(file: str, entry: _Entry, into: Reading) -> None:
    pattern = entry.patterns[0] if entry.patterns else ""
    name, _, wanted = pattern[1:].partition("@")
    name = pattern[:1] + name
    if wanted.startswith("npm:"):
        # An alias: the package has another name than the dependency.
        target = wanted.removeprefix("npm:")
        name = target[:1] + target[1:].partition("@")[0]
    version = entry.fields.get("version", "")
    what = shown(pattern or "an entry")
    if wanted.startswith(_LOCAL):
        check_local(file, entry.line, what, wanted, into)
    elif not NAME.fullmatch(name):
        into.problem(file, entry.line, f"{what} names no package", _AGAIN)
    elif not VERSION.fullmatch(version):
        into.problem(file, entry.line, f"{what} has no version", _AGAIN)
    else:
        hashes = entry.fields.get("integrity")
        resolved = entry.fields.get("resolved")
        add("yarn", file, entry.line, (name, version), resolved, hashes, _AGAIN, into)
