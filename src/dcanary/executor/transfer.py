"""Artifact bytes between the executor and the chain, in chunks, checked by their hashes."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.types.build_executor import (
    ChunkInput,
    ChunkRequest,
    File,
    InputArtifact,
    UploadWork,
)
from dcanary.executor.chain import Chain
from dcanary.executor.received import Received
from dcanary.executor.source import Entry, SourceFailure, SourceUnavailable, Spool, Stored
from dcanary.executor.state import State

CHUNK_BYTES = 1_000_000
MAX_INPUT_BYTES = 256 * 1024 * 1024
RESUME_SECONDS = 30.0
"""LEASE_NS of shared/rules/limits.py: after so long without a chunk the upload is another's."""
PAUSE_SECONDS = 0.5


def fetch_inputs(
    chain: Chain,
    run: str,
    inputs: Sequence[InputArtifact],
    folder: Path,
    received: Received,
) -> list[Entry]:
    """The files of earlier stages that are on chain, on the disk of `folder`.

    `received` counts their bytes.

    Raises SourceFailure when they are too large, and SourceUnavailable when they do not come whole
    (queries are answered by one node of the network, which may be wrong).
    """
    # Packages are fetched, and the manifest of them is no file of the checkout.
    files = [item for item in inputs if item["fetch"] is None]
    total = sum(item["file"]["size"] for item in files)
    if total > MAX_INPUT_BYTES:
        raise SourceFailure(f"earlier stages' files have {total} bytes: at most {MAX_INPUT_BYTES}")
    spool = Spool(folder)
    return [
        _fetch(chain, run, item["stage"], item["file"], spool, received)
        for item in files
        if not item["kept"]
    ]


def _fetch(
    chain: Chain, run: str, stage: str, file: File, spool: Spool, received: Received
) -> Entry:
    path, size, begin = file["path"], file["size"], spool.size
    hasher, have = hashlib.sha256(), 0
    while have < size:
        index = have // CHUNK_BYTES
        request: ChunkRequest = {"run": run, "stage": stage, "path": path, "index": index}
        chunk = chain.read_chunk(request)
        received.add(len(chunk))
        if len(chunk) != min(CHUNK_BYTES, size - have):
            raise SourceUnavailable(f"chunk {index} of {stage}'s {path} has {len(chunk)} bytes")
        hasher.update(chunk)
        spool.write(chunk)
        have += len(chunk)
    if hasher.hexdigest() != file["sha256"]:
        raise SourceUnavailable(f"{stage}'s {path} is not what its sha256 names")
    return Entry(path, "100644", Stored(spool, begin, size))


def upload_files(chain: Chain, work: UploadWork, state: State, ending: threading.Event) -> None:
    """Send the files of an UploadWork from what is held, but for the chunks that are there already.

    Where the chain does not answer, the same call is made again until the lease must have run out,
    or `ending` is set: to begin again would cost the lease, the pause after it and all chunks.
    Raises the ClientError of the last attempt, and RefusedError at once.
    """
    # Canisters of before 0.2.0 do not say what is there.
    sent = work["sent"] or [0] * len(work["files"])
    for file, index in zip(work["files"], sent, strict=True):
        with state.file(work["job"], file["sha256"]).open("rb") as content:
            content.seek(index * CHUNK_BYTES)
            while chunk := content.read(CHUNK_BYTES):
                given: ChunkInput = {
                    "run": work["run"],
                    "stage": work["stage"],
                    "path": file["path"],
                    "index": index,
                    "content": chunk,
                }
                _insist(partial(chain.upload_chunk, given), ending)
                index += 1
        finish = partial(chain.finish_upload, work["run"], work["stage"], file["path"])
        _insist(finish, ending)


def _insist(call: Callable[[], None], ending: threading.Event) -> None:
    """Make the call until it is answered, for RESUME_SECONDS at most."""
    deadline = time.monotonic() + RESUME_SECONDS
    while True:
        try:
            return call()
        except RefusedError as error:
            # A large file is hashed over several calls, and each answers that there is more to do.
            if error.kind != "Unavailable" or time.monotonic() >= deadline or ending.is_set():
                raise
        except ClientError:
            if time.monotonic() >= deadline or ending.wait(PAUSE_SECONDS):
                raise
