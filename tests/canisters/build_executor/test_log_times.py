"""When the bytes of a log arrived, and what names the whole of it."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.build_executor.logs.marks import MARKS_PER_BLOCK, Marks
from shared.rules.limits import MAX_LOG_MARKS, SECOND_NS
from tests.canisters.build_executor.helpers.memory import MemoryMap
from tests.canisters.build_executor.helpers.world import SECOND, START, A, World, answer


def working() -> tuple[World, str]:
    world = World()
    world.enqueue()
    return world, world.build(A)["job"]


def marks(world: World, job: str, offset: int = 0) -> list[tuple[int, float]]:
    found = world.log(job, offset)["Ok"]["marks"]
    return [(each["offset"], (each["at_ns"] - START) / SECOND) for each in found]


def test_each_piece_has_the_time_at_which_it_arrived() -> None:
    world, job = working()
    for number in range(3):
        world.beat(A, job, offset=5 * number, log=b"line\n")
        world.pass_time(4)
    assert marks(world, job) == [(0, 0), (5, 4), (10, 8)]
    assert marks(world, job, 7) == [(5, 4), (10, 8)]
    assert marks(world, job, 10) == [(10, 8)]
    world.upgrade()
    assert marks(world, job) == [(0, 0), (5, 4), (10, 8)]


def test_pieces_of_one_second_share_a_time_and_repeated_ones_add_none() -> None:
    world, job = working()
    for offset, step in ((0, 0.4), (5, 0.4), (5, 2), (5, 2), (10, 0)):
        world.beat(A, job, offset=offset, log=b"line\n")
        world.pass_time(step)
    assert marks(world, job) == [(0, 0), (10, 4.8)]


def test_a_second_attempt_goes_on() -> None:
    world, job = working()
    world.beat(A, job, log=b"first\n")
    world.release(A, job)
    world.pass_time(3_600)
    work = world.build(A)
    begin = len(world.log(job)["Ok"]["content"])
    world.pass_time(5)
    world.beat(A, job, attempt=work["attempt"], log=b"second\n")
    found = marks(world, job)
    assert [each[0] for each in found] == [0, 6, begin]
    assert found[2][1] - found[1][1] == 5


def test_any_time_is_found_with_few_reads_and_there_is_an_end() -> None:
    blocks: MemoryMap[str, bytes] = MemoryMap()
    log = Marks(blocks, "job", 0)
    for number in range(MAX_LOG_MARKS + 10):
        log.add(number, number * SECOND_NS)
    assert log.count == MAX_LOG_MARKS
    assert len(blocks.entries) == MAX_LOG_MARKS // MARKS_PER_BLOCK
    assert max(len(block) for block in blocks.entries.values()) < 16_500
    before = blocks.operations
    found = Marks(blocks, "job", log.count).between(5_000, 5_002)
    assert [each["offset"] for each in found] == [5_000, 5_001]
    assert blocks.operations - before <= 8


@pytest.mark.parametrize(
    ("sha256", "kept"), [("a" * 64, True), ("A" * 64, False), ("short", False), (None, False)]
)
def test_a_commitment_names_the_whole_log(sha256: str | None, kept: bool) -> None:
    from canisters.build_executor.jobs import service as jobs

    world, job = working()
    given: Any = {
        "job": job,
        "attempt": 1,
        "commitment": b"c" * 32,
        "wall_ns": 5,
        "peak_memory_bytes": 7,
        "reused": None,
        "cpu_ns": None,
        "storage_bytes": None,
        "fetched_bytes": None,
        "log_sha256": sha256,
        "log_total": 1_234,
    }
    assert answer(lambda: jobs.commit(world.book, A, given, world.now)) == {"Ok": None}
    shown = world.jobs()[job]
    expected = (sha256, 1_234) if kept else (None, None)
    assert (shown["log_sha256"], shown["log_total"]) == expected


def test_an_executor_knows_how_much_of_its_log_is_kept() -> None:
    world = World()
    world.enqueue()
    work = world.build(A)
    log = b"x" * work["log_room"]
    for start in range(0, len(log), 60_000):
        beat = world.beat(A, work["job"], offset=start, log=log[start : start + 60_000])
        assert "Ok" in beat
    assert world.log(work["job"])["Ok"]["total"] == len(log)
    world.beat(A, work["job"], offset=len(log), log=b"xy")
    total = world.log(work["job"])["Ok"]["total"]
    assert b"is cut here" in world.log(work["job"], total - 100)["Ok"]["content"]
