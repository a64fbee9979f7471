"""Collects a job's declared artifacts from where the commands left them.

The folder belongs to untrusted code: links are never followed, only regular files are taken, and
what is hashed is the copy that is kept, so nothing can change between hash and upload.
"""

import contextlib
import errno
import hashlib
import itertools
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dcanary.executor.sandbox.model import ArtifactError
from dcanary.pipeline.limits import MAX_PATH_CHARS
from dcanary.pipeline.names import check_artifact_path
from dcanary.pipeline.patterns import fixed_folder, is_pattern, matches
from dcanary.secrets.leaks import LeakFinder

# MAX_MANIFEST_FILES of shared/rules/limits.py.
MAX_FILES = 256
MAX_ENTRIES = 50_000
"""Files and folders that all patterns of a stage look through together."""
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
    source: int, artifacts: Iterable[str], into: Path, max_file_bytes: int
) -> list[ManifestFile]:
    """Copy the artifacts below the folder `source` (a descriptor) to `into/<sha256>`.

    An entry names a file, or a folder or pattern that takes at least one. Returns the manifest,
    sorted by path. Raises ArtifactError when a file is missing, too large, not to be read by its
    owner, or no regular file reached without links, and when there are more than MAX_FILES;
    OSError when this machine cannot.
    """
    into.mkdir(parents=True, exist_ok=True)
    paths: dict[str, str] = {}
    room = MAX_ENTRIES
    for artifact in artifacts:
        found = [artifact]
        if is_pattern(artifact):
            inside = list(_walk(source, artifact, room))
            room -= len(inside)
            found = [path for path in inside if path[-1] != "/" and matches(artifact, path)]
            if not found:
                raise ArtifactError(f"artifact {artifact}: there is no such file")
        for path in found:
            paths.setdefault(path, artifact)
        if len(paths) > MAX_FILES:
            raise ArtifactError(f"artifact {artifact}: more than {MAX_FILES} files")
    return sorted(
        _collect(source, path, artifact, into, max_file_bytes) for path, artifact in paths.items()
    )


def check_leaks(files: Iterable[ManifestFile], folder: Path, secrets: Mapping[str, bytes]) -> None:
    """Raise ArtifactError when a collected file, or its path, holds one of the secrets.

    Artifacts can be read by everybody. It fails the stage, and for every operator alike.
    """
    if not secrets:
        return
    finder = LeakFinder(secrets)
    for file in files:
        name = finder.leak_in(file.path.encode())
        if name is not None:
            raise ArtifactError(f"the path of an artifact holds the secret {name}")
        name = finder.leak(folder / file.sha256)
        if name is not None:
            raise ArtifactError(f"artifact {ascii(file.path)[1:-1]}: it holds the secret {name}")


def _walk(source: int, artifact: str, room: int) -> Iterator[str]:
    """All that lies below the folder that a pattern begins with; folders end in a `/`.

    In one order, so that every machine meets the same problem first. Raises ArtifactError when
    there is more than `room`.
    """
    folders = [fixed_folder(artifact)]
    while folders:
        folder = folders.pop()
        # No file below could be an artifact, and each is reached from the root.
        if len(folder) > MAX_PATH_CHARS:
            raise ArtifactError(f"artifact {artifact}: a path below it is over {MAX_PATH_CHARS}")
        descriptor = _open_folder(source, folder.split("/") if folder else [], artifact)
        try:
            with os.scandir(descriptor) as listed:
                entries = [
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in itertools.islice(listed, room + 1)
                ]
        finally:
            os.close(descriptor)
        room -= len(entries)
        if room < 0:
            raise ArtifactError(
                f"artifact {artifact}: more than {MAX_ENTRIES:,} files and folders to look "
                "through: begin the pattern with a folder that has fewer"
            )
        for name, is_folder in sorted(entries):
            path = f"{folder}/{name}" if folder else name
            if is_folder:
                folders.append(path)
            yield f"{path}/" if is_folder else path


def _collect(
    source: int, path: str, artifact: str, into: Path, max_file_bytes: int
) -> ManifestFile:
    label = path
    if path != artifact:
        label = ascii(path)[1:-1]
        try:
            check_artifact_path(path)
        except ValueError as error:
            raise ArtifactError(f"artifact {artifact}: {label}: a path {error}") from None
    *folders, name = path.split("/")
    if not name or any(part in ("", ".", "..") for part in folders) or name in (".", ".."):
        raise ArtifactError(f"artifact {path}: not a normalised path below the checkout")
    current = _open_folder(source, folders, label)
    try:
        descriptor = _open(name, _FILE, current, label)
    finally:
        os.close(current)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ArtifactError(f"artifact {label}: not a regular file")
        return _copy(descriptor, path, into, max_file_bytes)
    finally:
        os.close(descriptor)


def _open_folder(source: int, parts: Iterable[str], artifact: str) -> int:
    """A descriptor of a folder below the source, reached without links; the caller closes it."""
    current = os.dup(source)
    try:
        for part in parts:
            below = _open(part, _FOLDER, current, artifact)
            os.close(current)
            current = below
    except BaseException:
        os.close(current)
        raise
    return current


def _open(name: str, flags: int, folder: int, path: str) -> int:
    try:
        opened = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in _OURS:
            raise
        with contextlib.suppress(OSError):
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISSOCK(mode):
                raise ArtifactError(f"artifact {path}: not a regular file") from error
            if stat.S_ISLNK(mode):
                shown = ascii(name)[1:-1]
                raise ArtifactError(
                    f"artifact {path}: {shown} is a symbolic link, which is never followed"
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
