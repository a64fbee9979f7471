"""A decision is on the order that the caller means, or it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.approval_decision import Wanted, decide
from dcanary.cli.context import Context
from dcanary.cli.orders.digest import order_digest
from dcanary.cli.output import Output
from dcanary.client.errors import ClientError
from tests.cli.test_orders import order, request


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


class Other:
    """An installation that shows another module in the request than in its order."""

    sender = "aaaaa-aa"

    def __init__(self) -> None:
        self.decided: list[Any] = []

    @property
    def connection(self) -> Other:
        return self

    @property
    def verification(self) -> Other:
        return self

    def get_approval(self, name: str, certified: bool = False) -> Any:
        other = order(sha256="e" * 64)
        return request(order=other, digest=order_digest(other), request={"sha256": "a" * 64})

    def decide_approval(self, decision: Any) -> Any:
        self.decided.append(decision)
        return {**self.get_approval(""), "state": {"Rejected": None}}


def test_the_hash_that_is_meant_is_compared_with_the_order_and_not_with_the_request() -> None:
    installed = Other()
    context = Context(Path(), "default", Output(quiet=True))
    context.__dict__["system"] = installed
    with pytest.raises(ClientError, match="a module with the sha256 eee"):
        decide(context, "approval-1", False, Wanted(None, "a" * 64, True), "")
    assert installed.decided == []
    found = decide(context, "approval-1", False, Wanted(None, "e" * 64, True), "")
    assert (found["sha256"], len(installed.decided)) == ("e" * 64, 1)


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
