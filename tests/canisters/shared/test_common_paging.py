"""Pages bounded in items and bytes; the bound on what a value takes in a message."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.testing.native import NativeCanister, NativeNetwork
from shared.base.pages import collect
from shared.rules.limits import MAX_PAGE_BYTES
from shared.rules.refused import Refused
from shared.rules.sizes import candid_bound
from tests.canisters.installation import CANISTERS, OWNER
from tests.canisters.pipeline_config.pipelines import pipeline, stage


def pages(sizes: list[int], limit: int) -> list[list[int]]:
    """Item numbers of all pages of a list whose items have the given sizes."""
    found: list[list[int]] = []
    cursor: str | None = None
    while True:
        items = list(range(len(sizes)))
        page = collect(
            len(items), {"cursor": cursor, "limit": limit}, lambda n: (n, b"x" * sizes[n])
        )
        found.append([number for number, _ in page[0]])
        cursor = page[1]
        if cursor is None:
            return found


@given(
    st.lists(st.sampled_from([1, 1_000, 300_000, MAX_PAGE_BYTES, 2 * MAX_PAGE_BYTES]), max_size=12),
    st.integers(1, 5),
)
def test_pages_hold_every_item_once_and_stay_within_their_bounds(
    sizes: list[int], limit: int
) -> None:
    found = pages(sizes, limit)
    assert [number for page in found for number in page] == list(range(len(sizes)))[::-1]
    for page in found:
        assert len(page) <= limit
        total = sum(sizes[number] for number in page)
        assert len(page) == 1 or total <= MAX_PAGE_BYTES


def test_a_bad_cursor_or_limit_is_refused() -> None:
    for cursor, limit in ((None, 101), ("x", 1), ("5", 1), ("-1", 1), ("9" * 30, 1)):
        with pytest.raises(Refused, match=r"cursor|limit"):
            collect(5, {"cursor": cursor, "limit": limit}, lambda n: n)


def test_no_pipeline_is_longer_in_candid_than_its_bound() -> None:
    canister: NativeCanister = NativeNetwork().install(
        CANISTERS / "pipeline_config" / "main.py", caller=OWNER
    )
    record = canister.module("shared.types.pipeline").PipelineInput
    empty: Any = pipeline()
    empty.update(stages=[], triggers=[], gates=[], deploy=None)
    header = 1_000
    for size in (0, 1, 32):
        definition: Any = pipeline("r" * 64)
        definition["stages"] = [stage(f"s{number}") for number in range(size)]
        definition["triggers"] = [{"Push": ["x"] * 64}] * 16
        for value in (definition, empty):
            assert len(canister.encode(record, value)) <= candid_bound(value) + header
