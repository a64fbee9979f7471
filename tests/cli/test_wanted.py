"""A decision is on the order that the caller means, or it is refused."""

from __future__ import annotations

import pytest

from dcanary.cli.approval_decision import Wanted
from dcanary.client.errors import ClientError


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted("other", None, False), "the order of approval-1 has the digest d, not other"),
        (Wanted("d", "other", True), "a module with the sha256 s, not other"),
    ],
)
def test_another_order_than_the_one_meant_is_refused(wanted: Wanted, told: str) -> None:
    with pytest.raises(ClientError) as refused:
        wanted.require("approval-1", "d", "s")
    assert told in refused.value.message
    assert "approval show approval-1" in refused.value.hint


@pytest.mark.parametrize(
    ("wanted", "unasked"),
    [
        (Wanted("d", None, False), True),
        (Wanted(None, None, True), True),
        (Wanted(None, "s", False), False),
        (Wanted(None, None, False), False),
    ],
)
def test_the_hash_of_a_module_does_not_replace_a_look_at_the_order(
    wanted: Wanted, unasked: bool
) -> None:
    wanted.require("approval-1", "d", "s")
    assert wanted.unasked is unasked
