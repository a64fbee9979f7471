"""The time that queries see: a network without work makes no rounds, but its clock goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dcanary.replica.api import Reject, Reply
from dcanary.replica.state import limits
from tests.replica.helpers.subnet import Harness

pytestmark = pytest.mark.replica

CLOCK = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "time" (func $time (result i64)))
  (import "ic0" "accept_message" (func $accept))
  (memory 1)
  (global $late (mut i64) (i64.const LATE))
  (func $tell (i64.store (i32.const 0) (call $time))
    (call $append (i32.const 0) (i32.const 8)) (call $reply))
  (func (export "canister_inspect_message")
    (if (i64.ge_u (call $time) (global.get $late)) (then (call $accept))))
  (func (export "canister_query in_query") (call $tell))
  (func (export "canister_update in_update") (call $tell)))
"""
HOUR = 3_600 * limits.SECOND


class Clock:
    """A canister that tells the time, and takes messages from `late` on only."""

    def __init__(self, subnet: Harness, wat: Callable[[str], bytes]) -> None:
        self.subnet = subnet
        self.late = subnet.engine.now() + HOUR
        self.canister = subnet.deploy(wat(CLOCK.replace("LATE", str(self.late))))

    def query(self) -> int:
        answer = self.subnet.engine.query(b"\x04", self.canister, "in_query", b"")
        assert isinstance(answer, Reply), answer
        return int.from_bytes(answer.data, "little")


@pytest.fixture
def clock(subnet: Harness, wat: Callable[[str], bytes]) -> Clock:
    return Clock(subnet, wat)


def test_a_query_sees_the_time_of_the_last_round_without_a_clock(clock: Clock) -> None:
    assert clock.query() == clock.subnet.engine.now()


def test_a_query_sees_the_clock_go_on_while_there_are_no_rounds(clock: Clock) -> None:
    engine = clock.subnet.engine
    before = engine.now()
    for later in (1, HOUR, 2 * HOUR):
        engine.follow_clock(lambda time=before + later: time)  # type: ignore[misc]
        assert clock.query() == before + later
    assert engine.now() == before


def test_a_query_never_sees_a_time_before_the_last_round(clock: Clock) -> None:
    engine = clock.subnet.engine
    engine.follow_clock(lambda: 1)
    assert clock.query() == engine.now()


def test_an_update_sees_the_time_of_its_round_whatever_the_clock_says(clock: Clock) -> None:
    engine = clock.subnet.engine
    engine.set_time(clock.late)
    engine.follow_clock(lambda: clock.late + HOUR)
    answer = clock.subnet.call(clock.canister, "in_update", b"")
    assert isinstance(answer, Reply), answer
    assert int.from_bytes(answer.data, "little") <= engine.now() < clock.late + HOUR


def test_a_check_of_a_message_sees_the_clock(clock: Clock) -> None:
    assert isinstance(clock.subnet.submit(clock.canister, "in_update", b""), Reject)
    clock.subnet.engine.follow_clock(lambda: clock.late)
    assert isinstance(clock.subnet.submit(clock.canister, "in_update", b""), bytes)
