"""What takes minutes says about how long, and that it goes on."""

from __future__ import annotations

import time

from dcanary.pace import lasted, measured_pace, repeated, roughly


def test_a_time_to_come_is_as_exact_as_it_can_be_known() -> None:
    assert [roughly(one) for one in (1, 42, 89, 100, 400)] == [
        "about 5 s",
        "about 40 s",
        "about 90 s",
        "about 2 min",
        "about 7 min",
    ]
    assert measured_pace() > 0


def test_a_time_that_has_passed_is_whole() -> None:
    assert [lasted(one) for one in (0.4, 59.0, 60.0, 200.2)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "3 min 20 s",
    ]


def test_the_last_line_is_said_again_while_nothing_else_is() -> None:
    said: list[str] = []
    with repeated(said.append, every=0.05) as told:
        time.sleep(0.2)
        assert said == []
        told("linking")
        told("optimising")
        deadline = time.monotonic() + 30
        while len(said) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert said[:2] == ["linking", "optimising"]
    assert set(said[2:]) == {"still optimising (0 s so far)"}
    count = len(said)
    time.sleep(0.2)
    assert len(said) == count


def test_what_is_said_often_enough_is_not_repeated() -> None:
    said: list[str] = []
    with repeated(said.append, every=3.0) as told:
        for number in range(8):
            told(str(number))
            time.sleep(0.5)
    assert said == [str(number) for number in range(8)]


def test_that_nobody_reads_any_more_ends_nothing() -> None:
    tried: list[str] = []

    def closed(line: str) -> None:
        tried.append(line)
        if len(tried) > 1:
            raise BrokenPipeError

    with repeated(closed, every=0.02) as told:
        told("linking")
        deadline = time.monotonic() + 30
        while len(tried) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(tried) >= 4
