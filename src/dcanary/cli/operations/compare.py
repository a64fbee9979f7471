"""What was built on this machine beside what the operators of a run agreed on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from dcanary.cli.operations.artifact_diff import within
from dcanary.client.errors import ClientError
from dcanary.executor.local import LocalStage
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.transfer import CHUNK_BYTES

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.verification import Verdict

ReadFile = Callable[[str], bytes]


def differences(stage: LocalStage, verdict: Verdict | None, read: ReadFile) -> list[str]:
    """Each difference in a sentence; empty when a vote for this would be one of the verdict's.

    `read` gives the agreed bytes of a path.
    """
    if verdict is None:
        return ["the run has no verdict about it"]
    (kind,) = verdict["kind"]
    if kind not in ("Agreed", "Failed"):
        return [f"the operators agreed on nothing: {kind}: {verdict['reason']}"]
    found = []
    if stage.succeeded != (kind == "Agreed"):
        here = "succeeds" if stage.succeeded else f"fails ({stage.report.reason})"
        found.append(f"here it {here}, the verdict is {kind}: {verdict['reason']}")
    if stage.environment != verdict["environment"] and verdict["environment"]:
        found.append(
            f"the tools differ: environment {stage.environment[:12]} here, "
            f"{verdict['environment'][:12]} in the run"
        )
    agreed = [ManifestFile(f["path"], f["size"], f["sha256"]) for f in verdict["files"]]
    return [*found, *_file_differences(stage, agreed, read)]


def _file_differences(
    stage: LocalStage, agreed: Sequence[ManifestFile], read: ReadFile
) -> Iterator[str]:
    here = {file.path: file for file in stage.files}
    there = {file.path: file for file in agreed}
    for path in sorted(here.keys() | there.keys()):
        ours, theirs = here.get(path), there.get(path)
        if ours is None or theirs is None:
            yield f"{path}: only {'in the run' if ours is None else 'here'}"
        elif ours != theirs:
            yield f"{path}: {ours.size:,} bytes here, {theirs.size:,} in the run"
            try:
                content = stage.open_file(ours).read_bytes()
                yield from (f"  {line}" for line in within(content, read(path)))
            except ClientError as error:
                yield f"  the run's bytes cannot be had: {error.message}"


def run_file(system: System, run: str, stage: str, path: str, file: ManifestFile) -> bytes:
    """The agreed bytes of a file. Raises ClientError when they are not there or not right."""
    content = b""
    while len(content) < file.size:
        index = len(content) // CHUNK_BYTES
        piece = system.build_executor.read_chunk(
            {"run": run, "stage": stage, "path": path, "index": index}
        )
        if not piece:
            raise ClientError(f"{path} ends after {len(content):,} bytes")
        content += piece
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ClientError(f"{path} is not what its sha256 names")
    return content
