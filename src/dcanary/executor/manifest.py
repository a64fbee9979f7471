"""Collects a job's declared artifacts from where the commands left them.

The folder belongs to untrusted code: links are never followed, only regular files are taken, and
what is hashed is the copy that is kept, so nothing can change between hash and upload.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dcanary.executor.sandbox.model import ArtifactError

_READ_BYTES = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK a named pipe would block the executor.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# What is wrong with this machine, and says nothing about the stage.
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)


@dataclass(frozen=True, order=True)
class ManifestFile:
    """One artifact: its path below the checkout, size in bytes, and sha256 in hexadecimal."""

    path: str
    size: int
    sha256: str


def collect_artifacts(
    source: int, paths: Iterable[str], into: Path, max_file_bytes: int
) -> list[ManifestFile]:
    """Copy the artifacts at `paths` below the folder `source` (a descriptor) to `into/<sha256>`.

    Returns the manifest, sorted by path. Raises ArtifactError when one is missing, too large, not
    to be read by its owner, or no regular file reached without links; OSError when this machine
    cannot.
    """
    into.mkdir(parents=True, exist_ok=True)
    return sorted(_collect(source, path, into, max_file_bytes) for path in dict.fromkeys(paths))


def _collect(source: int, path: str, into: Path, max_file_bytes: int) -> ManifestFile:
    *folders, name = path.split("/")
    if not name or any(part in ("", ".", "..") for part in folders) or name in (".", ".."):
        raise ArtifactError(f"artifact {path}: not a normalised path below the checkout")
    current = os.dup(source)
    try:
        for folder in folders:
            below = _open(folder, _FOLDER, current, path)
            os.close(current)
            current = below
        descriptor = _open(name, _FILE, current, path)
    finally:
        os.close(current)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ArtifactError(f"artifact {path}: not a regular file")
        return _copy(descriptor, path, into, max_file_bytes)
    finally:
        os.close(descriptor)


def _open(name: str, flags: int, folder: int, path: str) -> int:
    try:
        opened = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in _OURS:
            raise
        with contextlib.suppress(OSError):
            if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise ArtifactError(
                    f"artifact {path}: {name} is a symbolic link, which is never followed"
                ) from error
        reason = error.strerror or type(error).__name__
        raise ArtifactError(f"artifact {path}: {reason}") from error
    # Root is asked for no permission: what its owner may not read must fail there as elsewhere, or
    # operators would disagree about a commit.
    needed = stat.S_IRUSR | (stat.S_IXUSR if flags & os.O_DIRECTORY else 0)
    if os.fstat(opened).st_mode & needed != needed:
        os.close(opened)
        raise ArtifactError(f"artifact {path}: {os.strerror(errno.EACCES)}")
    return opened


def _copy(descriptor: int, path: str, into: Path, max_file_bytes: int) -> ManifestFile:
    digest, size = hashlib.sha256(), 0
    partial = into / "partial"
    with partial.open("wb") as copy:
        while chunk := os.read(descriptor, _READ_BYTES):
            size += len(chunk)
            if size > max_file_bytes:
                raise ArtifactError(f"artifact {path}: larger than {max_file_bytes} bytes")
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    sha256 = digest.hexdigest()
    partial.replace(into / sha256)
    return ManifestFile(path, size, sha256)
