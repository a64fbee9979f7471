"""A wrong clock is named as what it is."""

from __future__ import annotations

import pytest

from dcanary.client.clock import clock_error
from dcanary.client.errors import KINDS

NOW = 1_714_564_800.0  # 2024-05-01 12:00:00 UTC
OURS = (
    "Invalid request expiry: Specified ingress_expiry not within expected range: Minimum allowed "
    f"expiry: {int((NOW - 200) * 1e9)}, Maximum allowed expiry: 1, Provided expiry: 2"
)
THEIRS = (
    "Invalid request expiry: Specified ingress_expiry not within expected range: Minimum allowed "
    "expiry: 2024-05-01 12:05:00.5 UTC, Maximum allowed expiry: 2024-05-01 12:10:30.5 UTC, "
    "Provided expiry: 2024-05-01 12:04:00 UTC"
)


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (OURS, "this machine's clock is 200 s ahead of the network's"),
        (THEIRS, "this machine's clock is 300 s behind the network's"),
    ],
)
def test_the_sentence_says_by_how_much_and_which_way(refusal: str, told: str) -> None:
    error = clock_error(refusal, NOW)
    assert error is not None
    assert error.message == told
    assert error.exit_code == KINDS["clock"].exit_code == 3


@pytest.mark.parametrize(
    "refusal", ["", "Invalid signature", "Minimum allowed expiry: 2024-15-45 99:99:99 UTC, x"]
)
def test_other_refusals_are_not_blamed_on_the_clock(refusal: str) -> None:
    assert clock_error(refusal, NOW) is None
