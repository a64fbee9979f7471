"""Reads agreed files from `build_executor`, a chunk at a time."""

from kybra import Async, CallResult

from canisters.deployment.steps.answer import Answer, rejected
from canisters.deployment.steps.machine import chunk_size
from canisters.deployment.store import wiring
from shared.base.access import siblings_of
from shared.base.outbox import error_sentence, is_passing
from shared.siblings import BuildExecutorService
from shared.types.job import ChunkResult


def read_artifact(run: str, stage: str, path: str, size: int, index: int) -> "Async[Answer]":
    """Read one chunk of an artifact of `size` bytes from build_executor."""
    siblings = siblings_of(wiring)
    if siblings is None:
        return Answer(error="this canister is not wired yet: an owner must call wire")
    reply: CallResult[ChunkResult] = yield BuildExecutorService(
        siblings["build_executor"]
    ).read_chunk({"run": run, "stage": stage, "path": path, "index": index})
    if reply.Err is not None:
        return rejected(reply.Err)
    if "Err" in reply.Ok:
        error = reply.Ok["Err"]
        return Answer(error=error_sentence(error), final=not is_passing(error))
    content = reply.Ok["Ok"]
    expected = chunk_size(size, index)
    if len(content) != expected:
        return Answer(
            error=f"chunk {index} has {len(content)} bytes instead of {expected}", final=True
        )
    return Answer(content)
