"""Sizes and durations read back what they write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.pipeline.quantities import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@given(st.integers(0, 10**15))
def test_a_written_size_reads_back_as_the_same_number(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(0, 10**9))
def test_a_written_duration_reads_back_as_the_same_number(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("17", 17), ("5B", 5), ("2KB", 2_000), ("2KiB", 2_048), ("1 GiB", 1 << 30)],
)
def test_a_size_has_decimal_and_binary_units(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5MiB", "2Gib", "MiB", "2 GiB x", "١MiB", "1e3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size such as"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5_400), ("2d", 172_800)]
)
def test_a_duration_is_read_in_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1s", "1m1h", "1m2m", "1.5h", "1h ", "1w"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as"):
        parse_duration(text)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    for parse in (parse_size, parse_duration):
        try:
            assert parse(text) >= 0
        except ValueError as error:
            assert str(error).startswith("must be a ")
