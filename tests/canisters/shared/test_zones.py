"""Rules of time zones: the offsets that the database of time zones gives."""

from __future__ import annotations

import random
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcanary.pipeline.zones import rule_of
from shared.rules.days import civil_from_days, days_from_civil, days_in_month
from shared.rules.zones import ZoneError, parse_zone
from tests.examples import examples

# Their governments decide each year: the database lists decades, its rule is what comes after.
LISTED = ("Africa/Casablanca", "Africa/El_Aaiun", "Asia/Gaza", "Asia/Hebron")
ZONES = sorted(
    zone for zone in available_timezones() if zone not in LISTED and zone not in ("Factory",)
)


def test_every_zone_has_a_rule_with_the_offsets_of_the_database() -> None:
    moments = random.Random(7)
    assert len(ZONES) > 400
    for name in ZONES:
        zone, info = parse_zone(rule_of(name)), ZoneInfo(name)
        for _ in range(12):
            at = moments.randrange(1_830_000_000, 2_300_000_000)
            offset = datetime.fromtimestamp(at, info).utcoffset()
            assert offset is not None
            assert zone.offset(at) == offset.total_seconds(), (name, rule_of(name), at)


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Europe/Dublin"]
)
def test_offsets_change_at_the_second_of_the_database(name: str) -> None:
    zone, info = parse_zone(rule_of(name)), ZoneInfo(name)
    begin = 1_893_456_000
    hours = [begin + hour * 1_800 for hour in range(2 * 24 * 370)]
    for first, second in pairwise(hours):
        offsets = [datetime.fromtimestamp(at, info).utcoffset() for at in (first, second)]
        if offsets[0] == offsets[1]:
            continue
        for at in (first, second - 1, second):
            offset = datetime.fromtimestamp(at, info).utcoffset()
            assert offset is not None
            assert zone.offset(at) == offset.total_seconds(), (name, at)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("", "1 to 64 ASCII"),
        ("Europe/Berlin", "a time that is none"),
        ("CE-1", "fewer than three letters"),
        ("CET", "a time that is none"),
        ("CET-25", "a time that is none"),
        ("CET-1:60", "a time that is none"),
        ("CET-1CEST", "no rule such as"),
        ("CET-1CEST,M3.5.0", "no rule such as"),
        ("CET-1CEST,M13.5.0,M10.5.0", "day of change that is none"),
        ("CET-1CEST,M3.6.0,M10.5.0", "day of change that is none"),
        ("CET-1CEST,J0,J365", "day of change that is none"),
        ("CET-1CEST,M3.5.0/,M10.5.0", "without the time"),
        ("CET-1CEST,M3.5.0/168,M10.5.0", "a time that is none"),
        ("CET-1,M3.5.0,M10.5.0", "no second offset"),
        ("<+01-1", "abbreviation"),
        ("CET-1" + "x" * 70, "1 to 64"),
    ],
)
def test_what_is_no_rule_is_refused(rule: str, words: str) -> None:
    with pytest.raises(ZoneError) as caught:
        parse_zone(rule)
    assert words in str(caught.value)


@settings(max_examples=examples(200), deadline=None)
@given(st.text(alphabet="CETS<>+-0123456789:,./MJ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        zone = parse_zone(text)
    except ZoneError:
        return
    assert -170 * 3_600 < zone.offset(1_900_000_000) < 170 * 3_600


@settings(max_examples=examples(200), deadline=None)
@given(st.integers(-100_000, 100_000))
def test_days_are_those_of_the_calendar(number: int) -> None:
    year, month, day = civil_from_days(number)
    assert datetime(year, month, day).toordinal() - datetime(1970, 1, 1).toordinal() == number
    assert days_from_civil(year, month, day) == number
    assert 28 <= days_in_month(year, month) <= 31
