"""`release rollback`, `cancel` and `retry`: what is shown, asked and sent."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from dcanary.cli import release
from dcanary.cli.context import Context
from dcanary.cli.operations.watch import Ended
from dcanary.cli.orders.digest import rollback_digest
from dcanary.cli.output import Output, Refusal
from dcanary.client.errors import ClientError, RejectedError
from tests.cli.test_orders import order, rollback_order


def made(name: str = "release-4", **changed: Any) -> Any:
    """A Release as deployment answers it."""
    return {
        "release": name,
        "order": {**order(), "approval": "approval-3", "order": order()},
        "state": {"Succeeded": None},
        "canister": "aaaaa-aa",
        "module_hash": b"\x01",
        "previous_hash": b"\x02",
        "snapshot": b"\x03",
        "note": None,
        "created_ns": 0,
        "updated_ns": 0,
        "installed": True,
        "rollback": None,
        "digest": None,
        "rolled_back_by": None,
        "created": False,
        **changed,
    }


@dataclass
class Installed:
    """The releases of an installation; what is asked for is kept."""

    digest: str = rollback_digest(rollback_order())
    asked: list[Any] = field(default_factory=list)
    rejects: str = ""
    """The method that the network rejects."""
    approvals: list[Any] = field(default_factory=list)
    """How the approval request is from look to look; the last of them stays."""

    @property
    def deployment(self) -> Installed:
        return self

    @property
    def verification(self) -> Installed:
        return self

    def _rejected(self, method: str) -> None:
        if self.rejects == method:
            raise RejectedError(5, "canister did not reply to the call", "IC0506", method)

    def plan_rollback(self, name: str) -> Any:
        self._rejected("plan_rollback")
        return {"order": rollback_order(), "digest": self.digest}

    def rollback_release(self, name: str, digest: str | None) -> Any:
        self._rejected("rollback_release")
        self.asked.append(("rollback", name, digest))
        return made(state={"Queued": None})

    def get_release(self, name: str) -> Any:
        return made(name, rollback=rollback_order())

    def cancel_release(self, name: str) -> Any:
        self.asked.append(("cancel", name))
        return made(name, state={"Cancelled": "by someone"})

    def retry_release(self, approval: str) -> str:
        self.asked.append(("retry", approval))
        return approval

    def get_approval(self, name: str) -> Any:
        assert name == "approval-3"
        return self.approvals.pop(0) if len(self.approvals) > 1 else self.approvals[0]


def run(installed: Installed, command: click.Command, *arguments: Any, **how: bool) -> None:
    context = Context(Path(), "default", Output(**how))
    context.__dict__["system"] = installed
    command.callback.__wrapped__(context, *arguments)  # type: ignore[union-attr]


def test_a_rollback_shows_what_it_undoes_and_binds_its_digest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    installed = Installed()
    run(installed, release.rollback, "release-3", False, True, 5.0)
    assert installed.asked == [("rollback", "release-3", rollback_digest(rollback_order()))]
    printed = capsys.readouterr()
    assert "takes back  release-3" in printed.out
    assert "Rollback" in printed.out
    assert "warning: " in printed.err


def test_a_rollback_that_nobody_confirms_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    installed = Installed()
    with pytest.raises(Refusal):
        run(installed, release.rollback, "release-3", False, False, 5.0)
    assert installed.asked == []


def test_a_plan_that_is_not_what_is_shown_is_not_carried_out() -> None:
    installed = Installed(digest="0" * 64)
    with pytest.raises(ClientError, match="the canister says"):
        run(installed, release.rollback, "release-3", False, True, 5.0)
    assert installed.asked == []


def test_json_of_a_rollback_is_the_release_that_it_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(Installed(), release.rollback, "release-3", False, True, 5.0, as_json=True)
    assert json.loads(capsys.readouterr().out)["release"] == "release-4"


def test_a_queued_release_can_be_cancelled(capsys: pytest.CaptureFixture[str]) -> None:
    installed = Installed()
    run(installed, release.cancel, "release-4")
    assert installed.asked == [("cancel", "release-4")]
    assert "Cancelled: by someone" in capsys.readouterr().out


def test_a_rollback_is_shown_with_the_module_that_it_puts_back() -> None:
    shown = release.summary(made(rollback=rollback_order()))
    assert shown["sha256"] == rollback_order()["returns_to"].hex() != made()["order"]["sha256"]
    # Beside it stood the run whose module was taken away.
    assert (shown["run"], shown["approval"]) == (None, None)
    undone = rollback_order()["undoes"]
    assert shown["mode"] == f"Rollback of {undone}"
    assert shown["takes back"] == f"{undone} of {made()['order']['run']} (approval-3)"


@pytest.mark.parametrize("name", ["release-4", "approval-3"])
def test_a_failed_release_is_tried_again_by_either_name(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    installed = Installed(approvals=[FAILED, APPROVED, RELEASING])
    run(installed, release.retry, name)
    assert installed.asked == [("retry", "approval-3")]
    assert "release-9" in capsys.readouterr().out


FAILED = {"state": {"ReleaseFailed": "no cycles"}, "release": "release-4"}
APPROVED = {"state": {"Approved": None}, "release": "release-4"}
RELEASING = {"state": {"Releasing": "release-9"}, "release": "release-9"}
FAILED_AGAIN = {"state": {"ReleaseFailed": "no cycles"}, "release": "release-9"}


@pytest.mark.parametrize(
    ("after", "ends"),
    [(RELEASING, nullcontext()), (FAILED_AGAIN, pytest.raises(Ended, match="release-9 has ended"))],
)
def test_the_release_that_a_retry_made_is_named_and_is_a_failure_if_it_failed_already(
    after: Any, ends: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name of the approval request stood there, as that of the release."""
    installed = Installed(approvals=[FAILED, APPROVED, APPROVED, after])
    with ends:
        run(installed, release.retry, "release-4", as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        **{"approval": "approval-3", "release": "release-9"},
        "state": json.loads(json.dumps(after["state"])),
    }
    with ends:
        run(Installed(approvals=[FAILED, after]), release.retry, "release-4", quiet=True)
    assert capsys.readouterr().out == "release-9\n"


def test_a_release_that_is_not_there_yet_is_not_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "ORDER_SECONDS", 0.0)
    run(Installed(approvals=[FAILED, APPROVED]), release.retry, "approval-3", as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert (shown["approval"], shown["release"]) == ("approval-3", None)
    run(Installed(approvals=[FAILED, APPROVED]), release.retry, "approval-3", quiet=True)
    assert capsys.readouterr().out == "approval-3\n"


def test_an_order_that_deployment_refuses_is_a_failure_with_its_reason() -> None:
    refused = {**FAILED, "state": {"ReleaseFailed": "deployment refused the order: busy"}}
    with pytest.raises(ClientError, match="deployment refused the order: busy"):
        run(Installed(approvals=[FAILED, refused]), release.retry, "approval-3")


@pytest.mark.parametrize("method", ["plan_rollback", "rollback_release"])
def test_a_rejection_of_a_rollback_says_that_nothing_was_begun(method: str) -> None:
    installed = Installed(rejects=method)
    with pytest.raises(RejectedError, match="no rollback was begun: ask again") as raised:
        run(installed, release.rollback, "release-3", False, True, 5.0)
    assert raised.value.exit_code == 1
    assert "IC0506" in str(raised.value)
    assert installed.asked == []


@pytest.mark.parametrize("yes", [False, True])
def test_a_plan_of_a_rollback_shows_what_it_would_do_and_begins_nothing(
    yes: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    installed = Installed()
    run(installed, release.rollback, "release-3", True, yes, 5.0)
    printed = capsys.readouterr()
    assert "returns to" in printed.out
    assert "warning: " in printed.err
    assert installed.asked == []
    run(installed, release.rollback, "release-3", True, yes, 5.0, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert shown["digest"] == rollback_digest(rollback_order())
    assert installed.asked == []
