"""Artifact bytes between the executor and the chain, in chunks, checked by their hashes."""

import hashlib

from dcanary.client.types.build_executor import BuildWork, ChunkRequest, File, UploadWork
from dcanary.executor.chain import Chain
from dcanary.executor.source import Entry, Held, SourceFailure, SourceUnavailable
from dcanary.executor.state import State

CHUNK_BYTES = 1_000_000
MAX_INPUT_BYTES = 256 * 1024 * 1024


def fetch_inputs(chain: Chain, work: BuildWork) -> list[Entry]:
    """The files of earlier stages that a job finds in its checkout.

    Raises SourceFailure when they are too large, and SourceUnavailable when they do not come whole
    (queries are answered by one node of the network, which may be wrong).
    """
    total = sum(item["file"]["size"] for item in work["inputs"])
    if total > MAX_INPUT_BYTES:
        raise SourceFailure(f"earlier stages' files have {total} bytes: at most {MAX_INPUT_BYTES}")
    return [_fetch(chain, work["run"], item["stage"], item["file"]) for item in work["inputs"]]


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


def upload_files(chain: Chain, work: UploadWork, state: State) -> None:
    """Send the files of an UploadWork from what is held. Sending a chunk again does no harm."""
    for file in work["files"]:
        with state.file(work["job"], file["sha256"]).open("rb") as content:
            index = 0
            while chunk := content.read(CHUNK_BYTES):
                chain.upload_chunk(
                    {
                        "run": work["run"],
                        "stage": work["stage"],
                        "path": file["path"],
                        "index": index,
                        "content": chunk,
                    }
                )
                index += 1
        chain.finish_upload(work["run"], work["stage"], file["path"])
