"""A source tree as one canonical tar file: the same commit and inputs give the same bytes.

Entries are sorted, owned by nobody, and carry the commit's time, so that nothing of the machine
that made it (order of a folder, clock, umask, user) can reach a build.
"""

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE, PROGRAM, LINK = "100644", "100755", "120000"


class SourceError(Exception):
    """The source of a job cannot be had. Nothing is known about the stage."""


@dataclass(frozen=True, order=True)
class Entry:
    """One file of the tree. `mode` is Git's; the content of a LINK is where it points to."""

    path: str
    mode: str
    content: bytes


def write_source(entries: Iterable[Entry], commit_time: int, into: Path) -> None:
    """Write the tar file. Of two entries with one path, the later one counts.

    Raises SourceError for a path that is not below the tree or that lies behind a link.
    """
    chosen = {entry.path: entry for entry in entries}
    links = {path for path, entry in chosen.items() if entry.mode == LINK}
    folders: set[str] = set()
    for path in chosen:
        check_path(path)
        parents = _parents(path)
        if links & parents or chosen.keys() & parents:
            raise SourceError(f"{path!r} lies behind something that is no folder")
        folders |= parents
    with tarfile.open(into, "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        for folder in [".", *sorted(folders)]:
            archive.addfile(_info(folder, tarfile.DIRTYPE, 0o755, commit_time))
        for path in sorted(chosen):
            _add(archive, chosen[path], commit_time)


def check_path(path: str) -> None:
    """Raises SourceError unless the path is a plain one below the tree and outside `.git`."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\0" in path:
        raise SourceError(f"the tree holds a path that is refused: {path!r}")


def _parents(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:count]) for count in range(1, len(parts))}


def _add(archive: tarfile.TarFile, entry: Entry, commit_time: int) -> None:
    if entry.mode == LINK:
        info = _info(entry.path, tarfile.SYMTYPE, 0o777, commit_time)
        info.linkname = entry.content.decode("utf-8", "surrogateescape")
        archive.addfile(info)
        return
    mode = 0o755 if entry.mode == PROGRAM else 0o644
    info = _info(entry.path, tarfile.REGTYPE, mode, commit_time)
    info.size = len(entry.content)
    archive.addfile(info, io.BytesIO(entry.content))


def _info(path: str, kind: bytes, mode: int, commit_time: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.mtime = kind, mode, commit_time
    return info
