"""Artifact bytes between the executor and the chain, in chunks, checked by their hashes."""

import hashlib
import threading
import time
from collections.abc import Callable
from functools import partial

from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.types.build_executor import (
    BuildWork,
    ChunkInput,
    ChunkRequest,
    File,
    UploadWork,
)
from dcanary.executor.chain import Chain
from dcanary.executor.source import Entry, Held, SourceFailure, SourceUnavailable
from dcanary.executor.state import State

CHUNK_BYTES = 1_000_000
MAX_INPUT_BYTES = 256 * 1024 * 1024
RESUME_SECONDS = 30.0
"""LEASE_NS of shared/rules/limits.py: after so long without a chunk the upload is another's."""
PAUSE_SECONDS = 0.5


def fetch_inputs(chain: Chain, work: BuildWork) -> list[Entry]:
    """The files of earlier stages that a job finds in its checkout.

    Raises SourceFailure when they are too large, and SourceUnavailable when they do not come whole
    (queries are answered by one node of the network, which may be wrong).
    """
    # Packages are fetched, and the manifest of them is no file of the checkout.
    inputs = [item for item in work["inputs"] if item["fetch"] is None]
    total = sum(item["file"]["size"] for item in inputs)
    if total > MAX_INPUT_BYTES:
        raise SourceFailure(f"earlier stages' files have {total} bytes: at most {MAX_INPUT_BYTES}")
    return [_fetch(chain, work["run"], item["stage"], item["file"]) for item in inputs]


def _fetch(chain: Chain, run: str, stage: str, file: File) -> Entry:
    path, size = file["path"], file["size"]
    content = b""
    while len(content) < size:
        index = len(content) // CHUNK_BYTES
        request: ChunkRequest = {"run": run, "stage": stage, "path": path, "index": index}
        chunk = chain.read_chunk(request)
        if len(chunk) != min(CHUNK_BYTES, size - len(content)):
            raise SourceUnavailable(f"chunk {index} of {stage}'s {path} has {len(chunk)} bytes")
        content += chunk
    if hashlib.sha256(content).hexdigest() != file["sha256"]:
        raise SourceUnavailable(f"{stage}'s {path} is not what its sha256 names")
    return Entry(path, "100644", Held(content))


def upload_files(chain: Chain, work: UploadWork, state: State, ending: threading.Event) -> None:
    """Send the files of an UploadWork from what is held. Sending a chunk again does no harm.

    Where the chain does not answer, the same call is made again until the lease must have run out,
    or `ending` is set: to begin again would cost the lease, the pause after it and all chunks.
    Raises the ClientError of the last attempt, and RefusedError at once.
    """
    for file in work["files"]:
        with state.file(work["job"], file["sha256"]).open("rb") as content:
            index = 0
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
        except RefusedError:
            raise
        except ClientError:
            if time.monotonic() >= deadline or ending.wait(PAUSE_SECONDS):
                raise
