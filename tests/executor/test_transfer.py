"""Files between executor and chain go over the disk: memory holds a chunk or two of them."""

from __future__ import annotations

import hashlib
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from dcanary.client.errors import RefusedError
from dcanary.executor.chain import Chain
from dcanary.executor.received import Received
from dcanary.executor.source import SourceUnavailable
from dcanary.executor.transfer import CHUNK_BYTES, fetch_inputs, upload_files

SIZE = 30 * CHUNK_BYTES + 1
FEW_BYTES = 6 * CHUNK_BYTES


class Store:
    """A chain that has one file of zeros, and takes others."""

    def __init__(self, refusals: int = 0) -> None:
        self.taken: list[int] = []
        self.refusals = refusals

    def read_chunk(self, request: dict[str, Any]) -> bytes:
        return bytes(min(CHUNK_BYTES, SIZE - request["index"] * CHUNK_BYTES))

    def upload_chunk(self, chunk: dict[str, Any]) -> None:
        self.taken.append(chunk["index"])

    def finish_upload(self, *_: str) -> None:
        if self.refusals:
            self.refusals -= 1
            raise RefusedError("Unavailable", "it is being hashed: call again", "finish_upload")


@pytest.fixture
def memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < FEW_BYTES


def inputs(sha256: str) -> Any:
    file = {"path": "lib", "size": SIZE, "sha256": sha256}
    return [{"stage": "earlier", "file": file, "fetch": None, "kept": False}]


@pytest.mark.usefixtures("memory")
def test_inputs_are_fetched_to_the_disk(tmp_path: Path) -> None:
    hasher = hashlib.sha256()
    for _ in range(30):
        hasher.update(bytes(CHUNK_BYTES))
    hasher.update(b"\0")
    received = Received()
    sha256 = hasher.hexdigest()
    (entry,) = fetch_inputs(cast(Chain, Store()), "run-1", inputs(sha256), tmp_path, received)
    assert received.total == SIZE
    assert entry.content.size == SIZE
    with entry.content.open() as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == hasher.hexdigest()


def test_an_input_of_other_bytes_is_asked_for_again(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="not what its sha256 names"):
        fetch_inputs(cast(Chain, Store()), "run-1", inputs("0" * 64), tmp_path, Received())


class Folder:
    """A state that holds one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, _job: str, _sha256: str) -> Path:
        return self.path


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("sent", [None, [0], [12], [31]])
def test_an_upload_reads_from_the_disk_what_was_not_sent(
    tmp_path: Path, sent: list[int] | None
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(SIZE)
    files = [{"path": "large", "size": SIZE, "sha256": "0" * 64}]
    given: Any = {"run": "r", "stage": "s", "job": "j", "files": files, "sent": sent}
    chain = Store(refusals=1)
    upload_files(cast(Chain, chain), given, cast(Any, Folder(path)), threading.Event())
    assert chain.taken == list(range((sent or [0])[0], 31))
    assert chain.refusals == 0
