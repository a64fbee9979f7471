"""Messages that must arrive: waits, delays and refusals (the sending is shown by the canisters)."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.base.outbox import (
    error_sentence,
    is_passing,
    refusal_of,
    retry_wait_ns,
    timer_delay_seconds,
)
from shared.rules.limits import MAX_RETRY_WAIT_NS, SECOND_NS


def test_waits_double_from_one_second_up_to_the_limit() -> None:
    waits = [retry_wait_ns(attempts) // SECOND_NS for attempts in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    assert retry_wait_ns(10**9) == MAX_RETRY_WAIT_NS


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_a_timer_never_runs_before_it_is_due_and_less_than_a_second_late(
    now: int, due: int
) -> None:
    delay = timer_delay_seconds(now, due)
    assert delay >= 0
    assert now + delay * SECOND_NS >= due
    assert delay == 0 or now + (delay - 1) * SECOND_NS < due


def answer(ok: Any = None, err: "str | None" = None) -> Any:
    return SimpleNamespace(Ok=ok, Err=err)


def test_answers_are_sorted_into_done_again_and_refused() -> None:
    assert refusal_of(answer({"Ok": None})) == (None, None)
    assert refusal_of(answer(err="no route")) == (None, "no route")
    for kind in ("Unavailable", "Exhausted"):
        error: Any = {kind: "later"}
        assert refusal_of(answer({"Err": error})) == (None, "later")
        assert is_passing(error)
    for kind in ("NotFound", "Denied", "Invalid", "Conflict", "TooLarge"):
        error = {kind: "never"}
        assert refusal_of(answer({"Err": error})) == (error, None)
        assert error_sentence(error) == "never"
