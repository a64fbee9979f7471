"""The agreed files of a run: which there are, where they can be had, and bringing them here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from dcanary.cli.errors import UsageTrouble
from dcanary.client.errors import ClientError
from dcanary.executor.transfer import CHUNK_BYTES
from dcanary.pipeline.names import check_artifact_path
from dcanary.pipeline.patterns import is_pattern, matches

if TYPE_CHECKING:
    from dcanary.client.system import System, SystemConfig
    from dcanary.client.types.build_executor import ChunkRequest, Run

ReadChunk = Callable[[int], bytes]


class ArtifactTrouble(ClientError):
    """The bytes of an agreed file cannot be had, or are not those that its sha256 names."""


@dataclass(frozen=True)
class Artifact:
    """One agreed file; `stored` once the canister has its bytes."""

    stage: str
    path: str
    size: int
    sha256: str
    stored: bool


def of_run(run: Run, stage: str | None = None) -> list[Artifact]:
    """The agreed files, of one stage or of all. Raises UsageTrouble for an unknown stage."""
    names = [each["name"] for each in run["stages"]]
    if stage is not None and stage not in names:
        raise UsageTrouble(f"{run['run']} has no stage {stage}: use one of {', '.join(names)}")
    return [
        Artifact(
            each["name"],
            file["path"],
            file["size"],
            file["sha256"],
            file["path"] in each["stored"],
        )
        for each in run["stages"]
        if stage in (None, each["name"])
        for file in each["files"]
    ]


def address(config: SystemConfig, run: str, artifact: Artifact) -> str:
    """Where the file is served over HTTP."""
    scheme, _, host = config.network.url.partition("://")
    site = f"{config.canisters['build_executor']}.{host.replace('127.0.0.1', 'localhost')}"
    parts = ("artifacts", run, artifact.stage, *artifact.path.split("/"))
    return f"{scheme}://{site}/{'/'.join(quote(part, safe='') for part in parts)}"


def select(artifacts: Sequence[Artifact], wanted: str | None) -> list[Artifact]:
    """Those that a path, a folder (`dist/`) or a pattern takes. Raises UsageTrouble for none."""
    if wanted is None:
        found = list(artifacts)
    elif is_pattern(wanted):
        found = [each for each in artifacts if matches(wanted, each.path)]
    else:
        found = [each for each in artifacts if each.path == wanted]
    if not found:
        what = "no agreed files" if wanted is None else f"no agreed file that {wanted} takes"
        raise UsageTrouble(f"there is {what}: see dcanary artifact list")
    return found


def without_clashes(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """One for each path. Raises UsageTrouble where two stages differ in the bytes of a path."""
    by_path: dict[str, Artifact] = {}
    for each in artifacts:
        other = by_path.setdefault(each.path, each)
        if other.sha256 != each.sha256:
            raise UsageTrouble(
                f"the stages {other.stage} and {each.stage} have different files {each.path}: "
                "choose one with --stage"
            )
    return list(by_path.values())


def chunks_of(system: System, run: str, artifact: Artifact) -> ReadChunk:
    """Reads a chunk of a file by its number. Raises ArtifactTrouble for one of another length."""

    def read(index: int) -> bytes:
        request: ChunkRequest = {
            "run": run,
            "stage": artifact.stage,
            "path": artifact.path,
            "index": index,
        }
        piece = system.build_executor.read_chunk(request)
        if len(piece) != min(CHUNK_BYTES, artifact.size - index * CHUNK_BYTES):
            raise ArtifactTrouble(
                f"chunk {index} of {artifact.path} has {len(piece):,} bytes",
                "one node of the network may be wrong: try again",
            )
        return piece

    return read


def content(system: System, run: str, artifact: Artifact) -> bytes:
    """All bytes of a file, checked. Raises ClientError."""
    read = chunks_of(system, run, artifact)
    whole = b"".join(read(index) for index in range(-(-artifact.size // CHUNK_BYTES)))
    _check(hashlib.sha256(whole).hexdigest(), artifact)
    return whole


def _check(sha256: str, artifact: Artifact) -> None:
    if sha256 != artifact.sha256:
        raise ArtifactTrouble(
            f"{artifact.path} arrived with sha256 {sha256}, agreed was {artifact.sha256}",
            "nothing of it was kept: one node of the network may be wrong, try again",
        )


def place(artifact: Artifact, into: Path) -> Path:
    """The path of a file below a folder, whose own folders are made.

    Raises UsageTrouble for a path that leads out of the folder, also through a link.
    """
    try:
        check_artifact_path(artifact.path)
    except ValueError as error:
        raise UsageTrouble(f"{artifact.path!r} is no path to write to: {error}") from None
    into.mkdir(parents=True, exist_ok=True)
    folder = into
    *folders, name = artifact.path.split("/")
    for part in folders:
        folder /= part
        if folder.is_symlink() or not (folder.is_dir() or not folder.exists()):
            raise UsageTrouble(f"{folder} is no folder: choose another one with --into")
        folder.mkdir(exist_ok=True)
    return folder / name


def download(read: ReadChunk, artifact: Artifact, path: Path, *, force: bool) -> str:
    """Bring a file to `path`; whether it was `downloaded`, or `there` with the same bytes already.

    An interrupted download goes on where it was. Raises UsageTrouble when another file is there
    and `force` is not, ArtifactTrouble when the bytes are not the agreed ones.
    """
    if path.is_symlink() or path.exists():
        same = path.is_file() and not path.is_symlink()
        if same and path.stat().st_size == artifact.size and _sha256_of(path) == artifact.sha256:
            return "there"
        if not force or path.is_dir():
            raise UsageTrouble(f"{path} is there with other bytes: it is kept\n  use --force")
    part = path.with_name(f".dcanary-{artifact.sha256[:32]}.part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "r+b") as stream:
        _fill(stream, read, artifact, part)
    part.replace(path)
    return "downloaded"


def _fill(stream: IO[bytes], read: ReadChunk, artifact: Artifact, part: Path) -> None:
    """Complete a partial file, and check it whole; one that is wrong is removed."""
    whole = min(os.fstat(stream.fileno()).st_size, artifact.size) // CHUNK_BYTES
    hasher = hashlib.sha256()
    for piece in _pieces(stream, whole * CHUNK_BYTES):
        hasher.update(piece)
    stream.truncate(whole * CHUNK_BYTES)
    stream.seek(whole * CHUNK_BYTES)
    for index in range(whole, -(-artifact.size // CHUNK_BYTES)):
        piece = read(index)
        hasher.update(piece)
        stream.write(piece)
    stream.flush()
    os.fsync(stream.fileno())
    try:
        _check(hasher.hexdigest(), artifact)
    except ArtifactTrouble:
        part.unlink(missing_ok=True)
        raise


def _pieces(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        piece = stream.read(min(size, CHUNK_BYTES))
        if not piece:
            return
        size -= len(piece)
        yield piece


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
