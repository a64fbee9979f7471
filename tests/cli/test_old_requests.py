"""Approval requests of an earlier version, which have no order until somebody votes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli import approval_decision
from dcanary.cli.context import Context
from dcanary.cli.output import Output
from dcanary.client.errors import ClientError, RefusedError
from tests.cli.test_orders import request


@dataclass
class Verification:
    """Makes the order of a request when the first vote is tried, as the canister does."""

    state: dict[str, Any] = field(default_factory=lambda: {"Pending": None})
    kind: str = "Unavailable"
    tried: list[Any] = field(default_factory=list)
    looks: int = 0

    @property
    def verification(self) -> Verification:
        return self

    def get_approval(self, name: str, certified: bool = False) -> Any:
        assert certified
        self.looks += 1
        if self.tried and self.looks > 2:
            return request(approval=name, state=self.state)
        return request(approval=name, state=self.state, order=None, digest=None)

    def decide_approval(self, decision: Any) -> Any:
        self.tried.append(decision)
        raise RefusedError(self.kind, "its order is being made", "decide_approval")


def found_by(installed: Verification) -> Any:
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = installed
    return approval_decision.with_order(context, "approval-6")


def test_the_order_of_an_old_request_is_made_before_anything_is_decided() -> None:
    installed = Verification()
    assert found_by(installed)["digest"] == request()["digest"]
    # No vote is counted for a request without an order, and none for an order by this digest.
    assert [vote["digest"] for vote in installed.tried] == [""]


@dataclass
class Bringing(Verification):
    """Counts no approval for a while, and makes no order when one is tried."""

    def get_approval(self, name: str, certified: bool = False) -> Any:
        there = any(not vote["approve"] for vote in self.tried)
        shown = {} if there else {"order": None, "digest": None}
        return request(approval=name, state=self.state, **shown)


def test_the_order_is_made_also_while_no_approval_counts() -> None:
    installed = Bringing()
    assert found_by(installed)["digest"] == request()["digest"]


@dataclass
class Late(Verification):
    """Makes the order when it is asked for once more."""

    def get_approval(self, name: str, certified: bool = False) -> Any:
        shown = {} if len(self.tried) > 1 else {"order": None, "digest": None}
        return request(approval=name, state=self.state, **shown)


def test_an_order_that_was_asked_for_too_early_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(approval_decision, "ASK_SECONDS", 0.5)
    assert found_by(Late())["digest"] == request()["digest"]
    assert capsys.readouterr().err.count("its order is being made") == 1


def test_nothing_is_sent_for_an_old_request_that_has_ended() -> None:
    installed = Verification(state={"Expired": None})
    assert found_by(installed)["order"] is None
    assert installed.tried == []


def test_who_may_not_ask_for_the_order_is_told_so() -> None:
    with pytest.raises(ClientError, match="Denied"):
        found_by(Verification(kind="Denied"))
