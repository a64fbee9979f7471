"""Requests whose target has changed since people were asked: what an approver is told of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dcanary.cli import approval
from dcanary.cli.context import Context
from dcanary.cli.orders import arguments, stale, target_now
from dcanary.cli.orders.digest import order_digest
from dcanary.cli.orders.readable import changes
from dcanary.cli.orders.target_now import TargetNow
from dcanary.cli.output import Output
from dcanary.client.errors import RefusedError
from tests.cli.test_orders import CANISTER, CREATES, CREATING, OLD, order, request

DEPLOYMENT = "aaaaa-aa"
OTHER = "ryjl3-tyaaa-aaaaa-aaaba-cai"


def target(**changed: Any) -> Any:
    """A target as deployment answers it, without a canister yet."""
    return {
        **{"target": "counter", "network": "local", "canister": None, "module_hash": None},
        **{"controllers": [CANISTER], "cycles": CREATES["cycles"], "last_release": None},
        **changed,
    }


@pytest.mark.parametrize(
    ("ordered", "now", "module", "told"),
    [
        (CREATING, {}, None, None),
        (CREATING, {"cycles": 0}, None, None),
        (CREATING, {"canister": OTHER}, None, f"makes a new canister, the target has {OTHER}"),
        (CREATING, {"cycles": 7}, None, "with 3,000,000,000,000 cycles, the target's settings say"),
        (CREATING, {"controllers": []}, None, "other controllers"),
        ({}, {"canister": CANISTER}, OLD, None),
        ({}, {"canister": CANISTER}, b"\x09" * 32, "another module"),
        ({}, {"canister": OTHER}, OLD, f"for canister {CANISTER}, the target has {OTHER}"),
        ({}, {}, None, f"for canister {CANISTER}, the target has none"),
        ({}, {"canister": CANISTER, "network": "mainnet"}, OLD, "for network local"),
    ],
)
def test_what_changed_since_people_were_asked_is_said(
    ordered: Any, now: Any, module: bytes | None, told: str | None
) -> None:
    found = stale.changed_since(order(**ordered), target(**now), DEPLOYMENT, module)
    assert (found == []) if told is None else (told in "; ".join(found))


def test_a_target_that_is_gone_has_changed() -> None:
    assert stale.changed_since(order(), None, DEPLOYMENT, OLD)


def test_no_new_canister_is_announced_where_one_exists() -> None:
    """It said that one was made with 3 T, and the canister that existed had 0.9 T."""
    now = TargetNow(target=target(canister=OTHER))
    assert not any("new canister is made" in line for line in changes(order(**CREATING), now, None))
    now = TargetNow(target=target())
    assert any("new canister is made" in line for line in changes(order(**CREATING), now, None))


class Installed:
    """Requests that wait, all about one target."""

    def __init__(self, found: list[Any], target: Any) -> None:
        self.found, self.target = found, target
        self.verification = self.deployment = self.build_executor = self
        self.released: Any = None
        self.config = SimpleNamespace(canisters={"deployment": DEPLOYMENT})

    def get_run(self, name: str) -> Any:
        assert name == "run-7"
        release = None if self.released is None else "release-10"
        return {"targets": [{"target": "counter", "release": release}]}

    def get_release(self, name: str) -> Any:
        assert name == "release-10"
        return self.released

    def list_approvals(self, page: Any) -> Any:
        return {"items": self.found, "next": None}

    def get_approval(self, name: str) -> Any:
        return next(one for one in self.found if one["approval"] == name)

    def get_target(self, name: str) -> Any:
        if self.target is None:
            raise RefusedError("NotFound", f"there is no target {name}", "get_target")
        return self.target


def asked(name: str, state: str, about: Any) -> Any:
    return request(
        approval=name,
        order=about,
        digest=order_digest(about),
        state={state: None},
        gates=[],
        request={
            **{"run": "run-7", "source": about["source"], "target": "counter"},
            **{"mode": about["mode"], "artifact": "app.wasm", "size": 1, "sha256": "0" * 64},
            **{"policy": {"threshold": 1}, "install_references": None, "upgrade_references": None},
        },
    )


def run(installed: Installed, command: Any, *arguments: Any) -> None:
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = installed
    command.callback.__wrapped__(context, *arguments)


def test_a_list_marks_the_requests_that_are_not_carried_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    creating = order(**CREATING)
    found = [
        asked("approval-3", "Pending", creating),
        asked("approval-2", "Rejected", creating),
        asked("approval-1", "Pending", order(replaces=None, canister=OTHER)),
    ]
    run(Installed(found, target(canister=OTHER)), approval.list_approvals, 20, None)
    printed = capsys.readouterr().out.splitlines()
    marked = [line.split()[0] for line in printed if "target changed" in line]
    assert marked == ["approval-3"]


@pytest.mark.parametrize("state", ["Pending", "Approved"])
def test_a_request_says_that_its_target_changed_and_what_follows(
    state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(arguments, "interface_of", lambda system, order: None)
    now = target(canister=OTHER)
    monkeypatch.setattr(target_now, "look", lambda system, order: TargetNow(target=now))
    found = asked("approval-3", state, order(**CREATING))
    run(Installed([found], now), approval.show_approval, "approval-3")
    printed = capsys.readouterr().out
    assert ("WARNING: the target has changed since" in printed) == (state == "Pending")
    # A line of its own: it is to be copied.
    lines = [line.strip() for line in printed.splitlines()]
    assert ("dcanary run retry run-7" in lines) == (state == "Pending")
    assert "a new canister is made" not in printed


def test_one_change_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two said that another module runs there."""
    monkeypatch.setattr(arguments, "interface_of", lambda system, order: None)
    here = target(canister=CANISTER)
    now = TargetNow(b"\x09" * 32, target=here)
    monkeypatch.setattr(target_now, "look", lambda system, order: now)
    found = asked("approval-3", "Pending", order())
    run(Installed([found], here), approval.show_approval, "approval-3")
    printed = capsys.readouterr().out
    assert printed.count("WARNING") == 1
    assert f"it ran       {OLD.hex()}" in printed


@pytest.mark.parametrize(
    ("state", "digest", "told"),
    [
        ({"Failed": "Installing: trapped"}, order_digest(order()), "order, with the same digest,"),
        ({"ConcurrentChange": "Stopping: " + "x" * 900}, "0" * 64, "module"),
        ({"Succeeded": None}, order_digest(order()), None),
    ],
)
def test_a_request_says_that_the_same_has_failed_before(
    state: Any,
    digest: str,
    told: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After `run retry` nothing told the request from one that nobody had tried."""
    monkeypatch.setattr(arguments, "interface_of", lambda system, order: None)
    here = target(canister=CANISTER)
    monkeypatch.setattr(target_now, "look", lambda system, order: TargetNow(OLD, target=here))
    installed = Installed([asked("approval-4", "Pending", order())], here)
    installed.released = {"state": state, "order": {"digest": digest}}
    run(installed, approval.show_approval, "approval-4")
    printed = capsys.readouterr().out
    if told is None:
        assert "WARNING" not in printed
    else:
        why = next(iter(state.values()))[:50]
        assert f"WARNING: this {told} failed in release-10: {why}" in printed
        assert "(dcanary release show release-10)" in printed
        assert "x" * 200 not in printed
