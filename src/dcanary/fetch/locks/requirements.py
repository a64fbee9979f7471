"""requirements*.txt with hashes, in pip's format: continued lines, comments, markers, -r and -c."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.markers import UndefinedComparison
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from dcanary.download.model import HEX_LENGTHS, Digest
from dcanary.fetch.locks.reader import from_hex
from dcanary.fetch.pinned import Pinned, ReadFile, Reading, Target, inside, shown
from dcanary.fetch.wheels import environment

_MAX_DEPTH = 10
_MAX_FILES = 200
_MAX_LINE = 200_000
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_AGAIN = "lock with `pip-compile --generate-hashes` or `uv pip compile --generate-hashes`"
_WRITE = "write NAME==VERSION --hash=sha256:…, or " + _AGAIN
_HASH = re.compile(r"--hash[= ]+(\S+)")
# What pip is told about choosing and building changes nothing about what is pinned.
_NO_MATTER = re.compile(
    r"--(require-hashes|no-index|pre|prefer-binary|only-binary[= ]\S+|use-feature[= ]\S+)\s*"
)
_PUBLIC_INDEX = re.compile(r"(-i|--index-url)[= ]+https://pypi\.org/simple/?\s*")


@dataclass
class _Reader:
    read: ReadFile
    target: Target
    into: Reading
    seen: set[str]


class Requirements:
    """See `Reader`."""

    kind, tool = "pypi", "pip"
    names = "requirements*.txt requirements*.lock"

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """See `Reader.read`."""
        _read_file(file, text, _Reader(read, target, into, {file}), 1)


def _read_file(file: str, text: str, reader: _Reader, depth: int) -> None:
    for line, said in _logical_lines(text):
        if len(said) > _MAX_LINE:
            reader.into.problem(file, line, f"it has more than {_MAX_LINE} characters", _AGAIN)
        elif said.startswith("-"):
            _read_option(file, line, said, reader, depth)
        else:
            _read_requirement(file, line, said, reader)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines without comments, continued ones as one; each with the number of its first."""
    first = 0
    parts: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        first = first if parts else number
        continued = line.endswith("\\") and not _COMMENT.match(line)
        parts.append(line[:-1] if continued else line)
        if not continued:
            said = _COMMENT.sub("", "".join(parts)).strip()
            parts = []
            if said:
                yield first, said
    said = _COMMENT.sub("", "".join(parts)).strip()
    if said:
        yield first, said


def _read_option(file: str, line: int, said: str, reader: _Reader, depth: int) -> None:
    into = reader.into
    include = re.fullmatch(
        r"(-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(\S+)", said
    )
    if include is not None:
        _include(file, line, include[2], include[1] in ("-c", "--constraint"), reader, depth)
    elif _NO_MATTER.fullmatch(said) or _PUBLIC_INDEX.fullmatch(said):
        return
    elif re.match(r"(-i|--index-url|--extra-index-url)\b", said):
        into.problem(
            file,
            line,
            "it names an index of packages, which the operator of an executor sets",
            "leave the line out; a file from elsewhere can be pinned as NAME @ https://… --hash=…",
        )
    elif re.match(r"(-e|--editable)\b", said):
        into.problem(
            file, line, f"{shown(said)} is a folder, which no hash pins", "install it in the stage"
        )
    else:
        into.problem(
            file, line, f"the option {shown(said.split()[0])} is not supported", "leave it out"
        )


def _include(
    file: str, line: int, named: str, constraint: bool, reader: _Reader, depth: int
) -> None:
    path = inside(file, named) if "://" not in named else None
    if path is None:
        reader.into.problem(
            file, line, f"{shown(named)} is not in this repository", "move it into the repository"
        )
        return
    if path in reader.seen:
        return
    reader.seen.add(path)
    if depth >= _MAX_DEPTH or len(reader.seen) > _MAX_FILES:
        reader.into.problem(
            file,
            line,
            f"more than {_MAX_DEPTH} files include each other, or {_MAX_FILES} at all",
            "write them in one file",
        )
        return
    content = reader.read(path)
    if content is None:
        reader.into.problem(file, line, f"{shown(path)} is not in the commit", "commit it")
        return
    # A constraint narrows what is chosen; here nothing is chosen, as each version is pinned.
    if constraint:
        return
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        reader.into.problem(path, 0, "it is no UTF-8 text", "save it as UTF-8")
        return
    _read_file(path, text, reader, depth + 1)


def _read_requirement(file: str, line: int, said: str, reader: _Reader) -> None:
    into = reader.into
    hashes = _HASH.findall(said)
    named = _HASH.sub("", said).strip()
    if re.search(r"\s--?\w", named):
        option = next(each for each in named.split() if each.startswith("-"))
        into.problem(file, line, f"the option {shown(option)} is not supported", "leave it out")
        return
    if re.match(r"(git|hg|svn|bzr)\+|file:|\.{0,2}/|https?://", named):
        into.problem(file, line, f"{shown(named)} has no name and version", _WRITE)
        return
    try:
        found = Requirement(named)
        wanted = found.marker is None or found.marker.evaluate(dict(environment(reader.target)))
    except (InvalidRequirement, UndefinedComparison, InvalidVersion, RecursionError):
        into.problem(file, line, f"{shown(named)} is no requirement", _WRITE)
        return
    if not wanted:
        return
    digests = sorted({each for each in map(_digest, hashes) if each is not None})
    name = canonicalize_name(found.name)
    if found.url:
        _add_url(file, line, (name, found.url), digests, into)
        return
    version = _exact_version(found)
    if version is None:
        into.problem(file, line, f"{shown(named)} names no single version", _WRITE)
    elif not digests:
        what = "has only weak hashes" if hashes else "has no hash"
        into.problem(file, line, f"{name}=={version} {what}: it is not pinned", _AGAIN)
    else:
        into.pins.append(Pinned("pypi", name, version, "", tuple(digests), file, line))


def _exact_version(found: Requirement) -> str | None:
    specifiers = list(found.specifier)
    if len(specifiers) != 1 or specifiers[0].operator not in ("==", "==="):
        return None
    version = specifiers[0].version
    return None if version.endswith(".*") or len(version) > 128 else version


def _add_url(
    file: str, line: int, package: tuple[str, str], digests: list[Digest], into: Reading
) -> None:
    name, url = package
    url, _, fragment = url.partition("#")
    algorithm, _, digits = fragment.partition("=")
    pinned = from_hex(algorithm, digits)
    found = digests or ([pinned] if pinned is not None else [])
    path = posixpath.basename(url)
    if not url.startswith("https://"):
        into.problem(file, line, f"{name} is not fetched by https: {shown(url)}", _WRITE)
    elif not re.fullmatch(r"[A-Za-z0-9_.+%-]+\.(whl|tar\.gz|zip)", path):
        into.problem(file, line, f"{shown(url)} is no wheel or source archive", _WRITE)
    elif len(found) != 1:
        into.problem(
            file, line, f"{name} has {len(found)} hashes: it is not pinned", "give it one sha256"
        )
    else:
        path = path.replace("%2B", "+").replace("%2b", "+")
        into.pins.append(Pinned("pypi", name, "", url, tuple(found), file, line, path))


def _digest(said: str) -> Digest | None:
    algorithm, _, digits = said.strip("'\"").partition(":")
    return from_hex(algorithm, digits) if algorithm in HEX_LENGTHS else None
