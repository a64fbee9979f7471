"""Logs: pieces arrive in order, twice or late, and end at their limit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from canisters.build_executor.logs import service as logs
from shared.rules.limits import (
    LEASE_NS,
    MAX_LOG_BYTES_PER_ATTEMPT,
    MAX_LOG_BYTES_PER_CHUNK,
    MAX_LOG_BYTES_PER_JOB,
    MIN_LOG_BYTES_PER_ATTEMPT,
)
from tests.canisters.build_executor.helpers.specs import spec
from tests.canisters.build_executor.helpers.world import SECOND, A, B, World
from tests.examples import examples

JOB = "run-1/build/0"


def leased() -> World:
    world = World()
    world.enqueue(spec())
    assert world.build(A)["job"] == JOB
    return world


def content(world: World) -> bytes:
    """The whole log, read page by page."""
    got = b""
    while True:
        piece = world.log(JOB, len(got))["Ok"]
        assert piece["offset"] == len(got)
        assert len(piece["content"]) <= MAX_LOG_BYTES_PER_CHUNK
        if not piece["content"]:
            assert piece["total"] == len(got) == world.jobs()[JOB]["log_bytes"]
            return got
        got += piece["content"]


def test_a_repeated_heartbeat_appends_nothing_twice() -> None:
    world = leased()
    for offset, piece in ((0, b"one "), (0, b"one "), (4, b"two "), (0, b"one "), (4, b"two ")):
        assert "Ok" in world.beat(A, JOB, offset=offset, log=piece)
    assert content(world) == b"one two "


def test_a_piece_that_overlaps_adds_only_what_is_new() -> None:
    world = leased()
    world.beat(A, JOB, log=b"abc")
    world.beat(A, JOB, offset=1, log=b"bcdef")
    assert content(world) == b"abcdef"


def test_a_gap_is_refused_and_does_not_extend_the_lease() -> None:
    world = leased()
    world.beat(A, JOB, log=b"abc")
    world.pass_time(5)
    answer = world.beat(A, JOB, offset=4, log=b"e")
    assert "3 bytes are here" in answer["Err"]["Conflict"]
    assert world.jobs()[JOB]["lease_until_ns"] == world.now - 5 * SECOND + LEASE_NS


def test_a_piece_over_the_limit_is_refused_by_name() -> None:
    world = leased()
    answer = world.beat(A, JOB, log=b"x" * (MAX_LOG_BYTES_PER_CHUNK + 1))
    assert "MAX_LOG_BYTES_PER_CHUNK" in answer["Err"]["TooLarge"]
    assert content(world) == b""


def fill(world: World, executor: str, attempt: int = 1) -> None:
    """One executor writes more than an attempt may."""
    for number in range(MAX_LOG_BYTES_PER_ATTEMPT // MAX_LOG_BYTES_PER_CHUNK + 3):
        offset = number * MAX_LOG_BYTES_PER_CHUNK
        piece = b"y" * MAX_LOG_BYTES_PER_CHUNK
        assert "Ok" in world.beat(executor, JOB, attempt=attempt, offset=offset, log=piece)


def test_a_log_is_cut_at_its_limit_and_the_executor_goes_on() -> None:
    world = leased()
    fill(world, A)
    whole = content(world)
    assert len(whole) == MAX_LOG_BYTES_PER_ATTEMPT
    assert whole.endswith(logs.cut_line(MAX_LOG_BYTES_PER_ATTEMPT))
    assert world.commit(A, JOB) == {"Ok": None}


def test_an_attempt_that_fills_its_log_leaves_room_for_the_next() -> None:
    world = leased()
    fill(world, A)
    assert world.release(A, JOB, 1, cause="Weather") == {"Ok": None}
    assert world.build(B)["attempt"] == 2
    world.beat(B, JOB, attempt=2, log=b"error in line 3")
    assert content(world).endswith(f"[attempt 2 by {B}]\nerror in line 3".encode())


def test_however_many_attempts_fill_it_a_log_is_bounded_and_each_has_some_room() -> None:
    world = leased()
    attempt = 1
    while attempt < 12:
        fill(world, A, attempt)
        assert world.release(A, JOB, attempt, cause="Weather") == {"Ok": None}
        world.pass_time(3_600)
        attempt += 1
        assert world.build(A)["attempt"] == attempt
    world.beat(A, JOB, attempt=attempt, log=b"z" * (MIN_LOG_BYTES_PER_ATTEMPT // 2))
    whole = content(world)
    assert whole.endswith(b"z" * (MIN_LOG_BYTES_PER_ATTEMPT // 2))
    assert len(whole) < MAX_LOG_BYTES_PER_JOB + attempt * (MIN_LOG_BYTES_PER_ATTEMPT + 200)


def test_attempts_follow_each_other_in_one_log_and_count_their_bytes_from_zero() -> None:
    world = leased()
    world.beat(A, JOB, log=b"first try")
    world.pass_time(LEASE_NS / SECOND)
    assert world.build(B)["attempt"] == 2
    world.beat(B, JOB, attempt=2, log=b"second try")
    assert content(world) == f"first try\n[attempt 2 by {B}]\nsecond try".encode()


def test_reading_past_the_end_is_refused() -> None:
    world = leased()
    assert "past" in world.log(JOB, 1)["Err"]["Invalid"]
    assert "NotFound" in world.log("run-1/build/7")["Err"]


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 3)), max_size=12))
def test_whatever_the_pieces_the_log_is_what_was_sent(pieces: list[tuple[int, int]]) -> None:
    world = leased()
    sent = b""
    for number, (size, again) in enumerate(pieces):
        piece = bytes([65 + number]) * size
        for _ in range(again + 1):
            assert "Ok" in world.beat(A, JOB, offset=len(sent), log=piece)
        sent += piece
        world.upgrade()
    assert content(world) == sent
