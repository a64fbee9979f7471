"""Patterns of values are the same on the host and in the canister."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dcanary.project import value_patterns as host
from shared.rules import value_patterns as canister
from tests.examples import examples


@settings(max_examples=examples(300), deadline=None)
@given(st.text("ab-[]^\\*+?.()z", max_size=10), st.text("ab-z.", max_size=6))
def test_both_say_the_same(pattern: str, value: str) -> None:
    here, there = host.steps_of(pattern), canister.steps_of(pattern)
    assert here == there
    if not isinstance(here, str) and not isinstance(there, str):
        assert host.matches(here, value) == canister.matches(there, value)
