"""Cron expressions: the same ticks as cronsim, in every kind of time zone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dcanary.pipeline.zones import rule_of
from shared.rules.cron import CronError, next_tick, parse_cron
from shared.rules.zones import parse_zone
from tests.examples import examples

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Europe/Dublin",
    "Australia/Sydney",
    "Asia/Kolkata",
    "America/St_Johns",
    "Pacific/Chatham",
    "America/Santiago",
    "Asia/Beirut",
)
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
SPECIAL = (
    (),
    (),
    ("L", "LW"),
    ("JAN", "FEB", "DEC"),
    ("MON#1", "5L", "3#5", "SUN", "SAT", "TUE-FRI"),
)


def term(kind: int) -> st.SearchStrategy[str]:
    least, most = FIELDS[kind]
    number = st.integers(least, most)
    spans = st.tuples(number, number).map(sorted).map(lambda two: f"{two[0]}-{two[1]}")
    steps = st.integers(1, 9)
    found = [
        number.map(str),
        spans,
        steps.map(lambda step: f"*/{step}"),
        st.tuples(spans, steps).map(lambda two: f"{two[0]}/{two[1]}"),
        st.tuples(number, steps).map(lambda two: f"{two[0]}/{two[1]}"),
    ]
    if SPECIAL[kind]:
        found.append(st.sampled_from(SPECIAL[kind]))
    return st.one_of(found)


def field(kind: int) -> st.SearchStrategy[str]:
    return st.one_of(st.just("*"), st.lists(term(kind), min_size=1, max_size=2).map(",".join))


EXPRESSIONS = st.tuples(*(field(kind) for kind in range(5))).map(" ".join)


@settings(max_examples=examples(300), deadline=None)
@given(EXPRESSIONS, st.sampled_from(ZONES), st.integers(1_830_000_000, 2_200_000_000))
def test_ticks_are_those_of_cronsim(text: str, zone: str, after: int) -> None:
    tz = timezone.utc if zone == "UTC" else ZoneInfo(zone)
    try:
        other = CronSim(text, datetime.fromtimestamp(after, tz))
        wanted = [int(next(other).timestamp()) for _ in range(6)]
    except (CronSimError, StopIteration, RuntimeError):
        assume(False)
    cron, rule = parse_cron(text), parse_zone(rule_of(zone))
    found = []
    for _ in wanted:
        tick = next_tick(cron, rule, found[-1] if found else after)
        assert tick is not None
        found.append(tick)
    assert found == wanted


def at(text: str, zone: str = "Europe/Berlin") -> int:
    """A moment by the clock of a zone; of two that a clock shows alike, the first."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def ticks(cron: str, after: str, count: int, zone: str = "Europe/Berlin") -> list[str]:
    found, last = [], at(after, zone)
    for _ in range(count):
        tick = next_tick(parse_cron(cron), parse_zone(rule_of(zone)), last)
        assert tick is not None
        last = tick
        found.append(datetime.fromtimestamp(tick, ZoneInfo(zone)).isoformat(timespec="minutes"))
    return found


def test_what_falls_into_the_hour_that_is_left_out_is_due_when_it_is_over() -> None:
    assert ticks("30 2 * * *", "2027-03-27 12:00", 2) == [
        "2027-03-28T03:00+02:00",
        "2027-03-29T02:30+02:00",
    ]


def test_what_falls_into_the_hour_that_comes_twice_is_due_once() -> None:
    assert ticks("30 2 * * *", "2027-10-30 12:00", 2) == [
        "2027-10-31T02:30+02:00",
        "2027-11-01T02:30+01:00",
    ]


def test_what_is_due_each_half_hour_goes_on_by_the_time_that_passes() -> None:
    assert ticks("*/30 * * * *", "2027-10-31 01:45", 5) == [
        "2027-10-31T02:00+02:00",
        "2027-10-31T02:30+02:00",
        "2027-10-31T02:00+01:00",
        "2027-10-31T02:30+01:00",
        "2027-10-31T03:00+01:00",
    ]
    assert ticks("*/30 * * * *", "2027-03-28 01:15", 2) == [
        "2027-03-28T01:30+01:00",
        "2027-03-28T03:00+02:00",
    ]


def test_half_an_hour_that_is_left_out_counts_where_clocks_show_its_end() -> None:
    """Lord Howe Island sets its clocks by half an hour: 02:00 is 02:30."""
    assert ticks("30 * * * *", "2028-10-01 01:30", 2, "Australia/Lord_Howe") == [
        "2028-10-01T02:30+11:00",
        "2028-10-01T03:30+11:00",
    ]


def test_a_leap_day_comes_every_four_years() -> None:
    assert ticks("0 0 29 2 *", "2026-01-01 00:00", 3, "UTC") == [
        "2028-02-29T00:00+00:00",
        "2032-02-29T00:00+00:00",
        "2036-02-29T00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0 fields, not 5"),
        ("* * * * * *", "has 6 fields, not 5"),
        ("60 * * * *", "has no minute '60'"),
        ("* 24 * * *", "has no hour '24'"),
        ("* * 0 * *", "has no day of the month '0'"),
        ("* * * FOO *", "has no month 'FOO'"),
        ("* * * * 8", "has no day of the week '8'"),
        ("* * * * MON#6", "has no day of the week 'MON#6'"),
        ("5-1 * * * *", "has no minute '5-1'"),
        ("*/0 * * * *", "has no minute '*/0'"),
        ("*/x * * * *", "has no minute '*/X'"),
        ("1,,2 * * * *", "has no minute ''"),
        ("-1 * * * *", "has no minute ''"),
        ("0 0 31 2 *", "is never due"),
        ("0 0 30 FEB *", "is never due"),
        ("\u0665 * * * *", "ASCII"),
        ("* " * 60, "at most 100"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, words: str) -> None:
    with pytest.raises(CronError) as caught:
        parse_cron(text)
    assert words in str(caught.value)


@settings(max_examples=examples(200), deadline=None)
@given(st.text(alphabet="0123456789*/-,#LWMONJAF ", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        cron = parse_cron(text)
    except CronError:
        return
    tick = next_tick(cron, parse_zone("CET-1CEST,M3.5.0,M10.5.0/3"), 1_900_000_000)
    assert tick is not None and tick > 1_900_000_000 and tick % 60 == 0


def test_ticks_of_a_year_come_in_order_and_each_minute_once() -> None:
    cron, zone = parse_cron("*/20 1-3 * 3,10 *"), parse_zone(rule_of("Europe/Berlin"))
    begin = at("2027-01-01 00:00")
    found = []
    tick: int | None = begin
    while tick is not None and tick < begin + int(timedelta(days=365).total_seconds()):
        tick = next_tick(cron, zone, tick)
        assert tick is not None
        found.append(tick)
    assert found == sorted(set(found))
    # 62 days of 9 ticks; an hour less in March, an hour more in October; one of the next year.
    assert len(found) == 62 * 9 - 3 + 3 + 1
