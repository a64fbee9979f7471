"""Git LFS: pointers in the tree are replaced by the files that they name, checked by their sha256.

A pointer names its file by sha256 and size, so the commit pins it. The files come by the batch API
with basic transfers, from the server of the clone URL.
Source: git-lfs, docs/spec.md and docs/api/batch.md.
"""

import contextlib
from collections.abc import Sequence

from dcanary.executor.checkout.git import Git, GitFailed, GitHome
from dcanary.executor.checkout.lfs_pointer import read_pointer
from dcanary.executor.checkout.listing import Budget
from dcanary.executor.checkout.model import CheckoutLimits
from dcanary.executor.source import (
    LINK,
    Entry,
    SourceFailure,
    SourceUnavailable,
    Spool,
)

_READ_BYTES = 256 * 1024
_CONFIGURED = r"^(lfs\.url|remote\..*\.lfsurl)$"


def fetch_lfs(
    home: GitHome, git: Git, sha: str, entries: Sequence[Entry], into: Spool, budget: Budget
) -> list[Entry]:
    """The entries of one repository with the content of its Git LFS files in place of pointers.

    Pointers count that the commit's attributes give to LFS (`filter=lfs`), as for git-lfs itself.
    Raises SourceFailure when the server answers and a file is not there, SourceUnavailable when it
    does not answer.
    """
    found = {entry.path: pointer for entry in entries if (pointer := read_pointer(entry))}
    if not found:
        return list(entries)
    _check_attributes(entries, len(found), home.limits)
    filtered = _filtered(git, sha, list(found))
    pointers = {path: pointer for path, pointer in found.items() if path in filtered}
    if not pointers:
        return list(entries)
    if len(pointers) > home.limits.max_lfs_files:
        raise SourceFailure(f"there are more than {home.limits.max_lfs_files} Git LFS files")
    if git.succeeds("config", "--blob", f"{sha}:.lfsconfig", "--get-regexp", _CONFIGURED):
        raise SourceFailure("a Git LFS server named in .lfsconfig is not supported")
    for path, pointer in pointers.items():
        budget.take(path, pointer.size)
    # Most commits have no such file, and an HTTP client takes long to import.
    from dcanary.executor.checkout.lfs_server import Download

    with contextlib.closing(Download(home, git.url, into)) as download:
        contents = download.fetch(pointers)
    return [
        Entry(entry.path, entry.mode, contents[pointers[entry.path]])
        if entry.path in pointers
        else entry
        for entry in entries
    ]


def _check_attributes(entries: Sequence[Entry], paths: int, limits: CheckoutLimits) -> None:
    """Raise SourceFailure when git would compare too many lines of attributes with `paths`.

    The count is the same for every operator; the time that it takes is not.
    """
    lines = 0
    for entry in entries:
        if entry.mode != LINK and entry.path.rpartition("/")[2] == ".gitattributes":
            with entry.content.open() as stream:
                while chunk := stream.read(_READ_BYTES):
                    lines += chunk.count(b"\n")
            lines += 1
    if lines * paths > limits.max_attribute_tests:
        raise SourceFailure(
            f"{lines} lines of .gitattributes for {paths} Git LFS pointers are too many: "
            f"more than {limits.max_attribute_tests} comparisons"
        )


def _filtered(git: Git, sha: str, paths: list[str]) -> set[str]:
    """Those of the paths that the attributes in the commit give to LFS."""
    asked = b"".join(path.encode(errors="surrogateescape") + b"\0" for path in paths)
    try:
        # Git reads attributes of a commit through an index; this one holds nothing else.
        git.run("read-tree", sha)
        said = git.output(
            "check-attr", "--cached", "-z", "--stdin", "filter",
            stdin=asked, max_bytes=64 << 20, what="what .gitattributes says",
        )  # fmt: skip
    except GitFailed as error:
        raise SourceUnavailable(str(error)) from error
    parts = said.split(b"\0")
    return {
        parts[index].decode(errors="surrogateescape")
        for index in range(0, len(parts) - 2, 3)
        if parts[index + 2] == b"lfs"
    }
