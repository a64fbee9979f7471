"""Files of many chunks: no message hashes much, and what was sent is not sent again."""

from __future__ import annotations

import hashlib

import pytest

from canisters.build_executor.artifacts import hashing
from canisters.build_executor.artifacts.hashing import HASHED_CHUNKS, Hashes
from shared.rules.limits import LEASE_NS, MAX_ARTIFACT_BYTES, MAX_CHUNK_BYTES
from tests.canisters.build_executor.helpers.memory import MemoryMap
from tests.canisters.build_executor.helpers.specs import file
from tests.canisters.build_executor.helpers.world import SECOND, A, B, World
from tests.canisters.build_executor.test_artifacts import BIG, SMALL, agreed, chunks

# As many chunks as the largest file has.
SIZE = MAX_ARTIFACT_BYTES
COUNT = -(-SIZE // MAX_CHUNK_BYTES)


class Counted:
    """hashlib's sha256 that counts what is hashed."""

    bytes = 0

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()

    def update(self, content: bytes) -> None:
        Counted.bytes += len(content)
        self._hasher.update(content)

    def hexdigest(self) -> str:
        return self._hasher.hexdigest()


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    Counted.bytes = 0
    monkeypatch.setattr(hashing, "sha256", Counted)


def pieces(size: int) -> list[bytes]:
    whole, rest = divmod(size, MAX_CHUNK_BYTES)
    return [bytes(MAX_CHUNK_BYTES)] * whole + ([bytes(rest)] if rest else [])


def test_each_chunk_is_hashed_when_it_comes_and_none_at_the_end() -> None:
    chunk_map: MemoryMap[str, bytes] = MemoryMap()
    uploads = Hashes(chunk_map)
    for index, piece in enumerate(pieces(SIZE)):
        before = Counted.bytes, chunk_map.operations
        uploads.put("1.0.0", index, piece)
        assert Counted.bytes - before[0] == len(piece)
        assert chunk_map.operations - before[1] == 1
    before = Counted.bytes, chunk_map.operations
    assert uploads.digest("1.0.0", SIZE) == hashlib.sha256(bytes(SIZE)).hexdigest()
    assert (Counted.bytes, chunk_map.operations) == before


def test_after_an_upgrade_a_message_hashes_so_many_chunks_at_most() -> None:
    chunk_map: MemoryMap[str, bytes] = MemoryMap()
    uploads = Hashes(chunk_map)
    for index, piece in enumerate(pieces(SIZE)):
        uploads.put("1.0.0", index, piece)
    uploads = Hashes(chunk_map)
    answers = []
    while not answers or answers[-1] is None:
        before = Counted.bytes
        answers.append(uploads.digest("1.0.0", SIZE))
        assert Counted.bytes - before <= HASHED_CHUNKS * MAX_CHUNK_BYTES
    assert len(answers) == -(-COUNT // HASHED_CHUNKS)
    assert answers[-1] == hashlib.sha256(bytes(SIZE)).hexdigest()


def test_a_chunk_that_is_replaced_after_it_was_hashed_counts() -> None:
    uploads = Hashes(MemoryMap())
    first, second = chunks(BIG)
    uploads.put("1.0.0", 0, first)
    uploads.put("1.0.0", 1, second)
    uploads.put("1.0.0", 0, first[::-1])
    wrong = hashlib.sha256(first[::-1] + second).hexdigest()
    assert uploads.digest("1.0.0", len(BIG)) == wrong
    uploads.put("1.0.0", 0, first)
    assert uploads.digest("1.0.0", len(BIG)) == hashlib.sha256(BIG).hexdigest()


def test_uploads_that_never_end_do_not_fill_the_memory() -> None:
    uploads = Hashes(MemoryMap())
    for number in range(hashing.MAX_OPEN_HASHES + 1):
        uploads.put(f"{number}.0.0", 0, SMALL)
    assert len(uploads._open) == hashing.MAX_OPEN_HASHES
    assert uploads.digest("0.0.0", len(SMALL)) == hashlib.sha256(SMALL).hexdigest()


def interrupted() -> World:
    """A has sent the first of two chunks when its lease runs out."""
    world = agreed(file("big.bin", BIG), file("out.wasm", SMALL))
    work = world.lease(A, "run-1/build/0")["Upload"]
    assert work["sent"] == [0, 0]
    assert world.upload(A, "big.bin", 0, chunks(BIG)[0]) == {"Ok": None}
    world.pass_time(LEASE_NS / SECOND)
    return world


@pytest.mark.parametrize("upgraded", [False, True])
def test_an_upload_goes_on_where_its_executor_was_killed(upgraded: bool) -> None:
    world = interrupted()
    if upgraded:
        world.upgrade()
    while not world.has_work(A, "run-1/build/0"):
        world.pass_time(1)
    assert world.lease(A, "run-1/build/0")["Upload"]["sent"] == [1, 0]
    assert world.upload(A, "big.bin", 1, chunks(BIG)[1]) == {"Ok": None}
    assert world.finish(A, "big.bin") == {"Ok": None}
    assert world.run()["stages"][0]["stored"] == ["big.bin"]


def test_nobody_goes_on_with_chunks_of_another_executor() -> None:
    world = interrupted()
    assert world.lease(B, "run-1/build/1")["Upload"]["sent"] == [0, 0]
    assert world.maps["chunks"].entries == {}


def test_a_file_that_is_hashed_over_several_messages_says_so_and_keeps_the_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hashing, "HASHED_CHUNKS", 1)
    world = agreed(file("big.bin", BIG))
    world.lease(A, "run-1/build/0")
    for index, chunk in enumerate(chunks(BIG)):
        world.upload(A, "big.bin", index, chunk)
    world.upgrade()
    world.pass_time(LEASE_NS / SECOND - 1)
    assert "call again" in world.finish(A, "big.bin")["Err"]["Unavailable"]
    world.pass_time(2)
    assert world.finish(A, "big.bin") == {"Ok": None}
    assert world.run()["state"] == {"Succeeded": None}
