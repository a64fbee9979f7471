"""Reading a commit's tree, object by object: nothing is checked out, so that attributes and links
of the repository have no effect on the executor's machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dcanary.executor.checkout.git import Git, GitFailed
from dcanary.executor.checkout.model import CheckoutLimits
from dcanary.executor.source import (
    LINK,
    PROGRAM,
    Entry,
    SourceFailure,
    SourceUnavailable,
    Spool,
    Stored,
    check_link,
    check_path,
    shown,
)

_FILE = "100644"
_SUBMODULE = "160000"
# Mode, kind, object and size before a path are shorter.
_ABOUT_BYTES = 256


@dataclass(frozen=True)
class Listed:
    """One line of a tree: a file of `size` bytes, or a submodule's commit, with size 0."""

    path: str
    mode: str
    object: str
    size: int

    @property
    def is_submodule(self) -> bool:
        return self.mode == _SUBMODULE


class Budget:
    """What is left of the limits, for a tree with all its submodules and Git LFS files."""

    def __init__(self, limits: CheckoutLimits) -> None:
        self._limits = limits
        self._bytes, self._files, self._submodules = 0, 0, 0

    @property
    def max_path_bytes(self) -> int:
        """Of one path."""
        return self._limits.max_path_bytes

    def take(self, path: str, size: int) -> None:
        """Count one file. Raises SourceFailure when it is one too many, or too large."""
        self._files += 1
        self._bytes += size
        limits = self._limits
        if len(path.encode(errors="surrogateescape")) > limits.max_path_bytes:
            raise _too_long(limits.max_path_bytes)
        if self._files > limits.max_files:
            raise SourceFailure(f"the tree has more than {limits.max_files} files")
        if self._bytes > limits.max_bytes:
            raise SourceFailure(f"the tree has more than {limits.max_bytes} bytes")

    def take_submodule(self) -> None:
        """Count one submodule. Raises SourceFailure when it is one too many."""
        self._submodules += 1
        if self._submodules > self._limits.max_submodules:
            raise SourceFailure(f"there are more than {self._limits.max_submodules} submodules")


def list_tree(git: Git, sha: str, prefix: str, budget: Budget) -> list[Listed]:
    """All files and submodules of a commit, with `prefix` before their paths.

    The list is read as git makes it, and git is ended at the first file over the budget: a tree of
    ten million paths can be made of a few kilobytes.
    """
    found: list[Listed] = []
    try:
        with git.stream("ls-tree", "-r", "-z", "--full-tree", "--long", sha) as chunks:
            for line in _lines(chunks, budget.max_path_bytes):
                about, _, raw = line.partition(b"\t")
                if len(raw) > budget.max_path_bytes:
                    # First of all, as `_lines` does: one reason wherever the pieces end.
                    raise _too_long(budget.max_path_bytes)
                mode, _, name, size = about.decode().split()
                path = prefix + raw.decode("utf-8", "surrogateescape")
                check_path(path)
                if size != "-" and not size.isdigit():
                    raise SourceUnavailable(f"the repository lacks the object of {path!r}")
                listed = Listed(path, mode, name, 0 if size == "-" else int(size))
                budget.take(path, listed.size)
                if mode == LINK:
                    check_link(path, listed.size)
                found.append(listed)
    except GitFailed as error:
        raise SourceUnavailable(str(error)) from error
    return found


def read_files(git: Git, listed: list[Listed], into: Spool) -> Iterator[Entry]:
    """The files of a list with their contents, which are appended to the file `into`."""
    files = [each for each in listed if not each.is_submodule]
    request = "".join(f"{each.object}\n" for each in files).encode()
    try:
        with git.stream("cat-file", "--batch", stdin=request) as chunks:
            source = _Source(chunks)
            for each in files:
                # The answer's header was checked against the listing by git itself.
                header = source.line().split()
                if len(header) != 3 or header[1] != b"blob" or int(header[2]) != each.size:
                    raise SourceUnavailable(f"the repository lacks the object of {each.path!r}")
                offset = into.size
                source.copy(each.size, into)
                source.line()
                mode = each.mode if each.mode in (LINK, PROGRAM) else _FILE
                yield Entry(each.path, mode, Stored(into, offset, each.size))
    except GitFailed as error:
        raise SourceUnavailable(str(error)) from error


def submodule_urls(git: Git, sha: str, limits: CheckoutLimits) -> dict[str, str]:
    """Path -> URL of the submodules that the commit's `.gitmodules` names.

    Raises SourceFailure when the file is too large. One that git cannot read names none.
    """
    pattern = r"^submodule\..*\.(path|url)$"
    most, file = limits.max_gitmodules_bytes, f"{sha}:.gitmodules"
    try:
        size = int(git.text("cat-file", "-s", file))
    except GitFailed:
        return {}
    if size > most:
        raise SourceFailure(f".gitmodules is larger than {most} bytes")
    what = "what .gitmodules names"
    try:
        # Each line is printed with the whole name of its section.
        asked = ("config", "--blob", file, "-z", "--get-regexp", pattern)
        said = git.output(*asked, max_bytes=4 * most, what=what)
    except GitFailed:
        said = b""
    paths: dict[str, str] = {}
    urls: dict[str, str] = {}
    for record in said.decode("utf-8", "surrogateescape").split("\0"):
        key, _, value = record.partition("\n")
        name, _, what = key.rpartition(".")
        if what in ("path", "url"):
            (paths if what == "path" else urls)[name] = value
    return {path: urls[name] for name, path in paths.items() if name in urls}


def missing_url(path: str) -> SourceFailure:
    """The refusal of a submodule that `.gitmodules` does not describe."""
    return SourceFailure(f"the submodule {shown(path)} has no URL in .gitmodules")


def _too_long(max_path_bytes: int) -> SourceFailure:
    return SourceFailure(f"the tree has a path of more than {max_path_bytes} bytes")


class _Source:
    """Lines and counted bytes out of pieces."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._buffer = chunks, b""

    def line(self) -> bytes:
        while b"\n" not in self._buffer:
            self._buffer += self._next()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def copy(self, size: int, into: Spool) -> None:
        while size:
            if not self._buffer:
                self._buffer = self._next()
            part, self._buffer = self._buffer[:size], self._buffer[size:]
            into.write(part)
            size -= len(part)

    def _next(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise SourceUnavailable("git ended before all files were read")


def _lines(chunks: Iterator[bytes], max_path_bytes: int) -> Iterator[bytes]:
    """The lines, each ended by a NUL, of what comes in pieces.

    Raises SourceFailure for one that must have a longer path.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\0")
        yield from lines
        # A name may have as many bytes as an object: it is not collected first.
        if len(rest) > max_path_bytes + _ABOUT_BYTES:
            raise _too_long(max_path_bytes)
    if rest:
        yield rest
