"""Runs whose approval request is not carried out any more, because its target has changed since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcanary.cli import run as run_commands
from dcanary.cli import run_explain
from dcanary.cli.context import Context
from dcanary.cli.operations import targets
from dcanary.cli.orders import target_now
from dcanary.cli.orders.target_now import TargetNow
from dcanary.cli.output import Output
from dcanary.client.errors import RejectedError
from tests.cli.test_orders import CANISTER, OLD, order
from tests.cli.test_run_explain import commands_exist
from tests.cli.test_stale_orders import Installed, asked, target
from tests.cli.test_waiting import run as run_record

HOT_FIX = b"\x09" * 32
"""A module that somebody installed without DCanary: deployment's books do not know it."""


class InstalledRun(Installed):
    """One run, whose request is approval-3."""

    def __init__(self, state: str = "Pending", books: bytes = OLD) -> None:
        here = target(canister=CANISTER, module_hash=books)
        super().__init__([asked("approval-3", state, order())], here)
        row = {"target": "counter", "state": {"Approving": None}, "approval": "approval-3"}
        self.run = run_record(
            "Approving", approval="approval-3", targets=[{**row, "release": None}]
        )

    def get_run(self, name: str) -> Any:
        return self.run

    def list_runs(self, repository: str | None, page: Any) -> Any:
        return {"items": [self.run], "next": None}


def said(command: Any, installed: InstalledRun, *arguments: Any) -> Any:
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = installed
    command.callback.__wrapped__(context, *arguments)


@pytest.fixture(params=[OLD, HOT_FIX], ids=["as asked", "changed"])
def changed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the network says that the canister runs another module than when people were
    asked."""
    now = TargetNow(request.param, target=target(canister=CANISTER, module_hash=OLD))
    monkeypatch.setattr(target_now, "look", lambda system, order: now)
    monkeypatch.setattr(
        "dcanary.cli.operations.pipeline_checks.problems_of_run", lambda system, found: []
    )
    return bool(request.param == HOT_FIX)


def test_explain_says_that_only_asking_again_helps(
    changed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """It said `people decide`, and the vote was refused."""
    said(run_explain.explain, InstalledRun(), "run-7")
    printed = capsys.readouterr().out
    assert ("approval-3: the target has changed since" in printed) == changed
    assert ("dcanary run retry run-7" in printed) == changed
    assert ("people decide" in printed) == (not changed)
    commands_exist(printed.partition("what to do")[2])


def test_show_names_the_command_that_helps(
    changed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    said(run_commands.show_run, InstalledRun(), "run-7", False)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert ("outdated approval-3: the target has changed since" in lines) == changed
    assert ("next dcanary run retry run-7" in lines) == changed
    assert ("next dcanary approval show approval-3" in lines) == (not changed)


@pytest.mark.parametrize("books", [OLD, HOT_FIX], ids=["as asked", "changed"])
def test_a_list_marks_such_a_run(
    books: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    nothing = (None, (), "", "", None, 20, None)
    said(run_commands.list_runs, InstalledRun(books=books), *nothing)
    printed = capsys.readouterr().out
    assert ("Approving: target changed, see run explain" in printed) == (books == HOT_FIX)


def test_a_list_without_runs_says_where_a_push_is_looked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an ignored push it said only: push."""
    monkeypatch.setenv("COLUMNS", "80")

    class Without(InstalledRun):
        def list_runs(self, repository: str | None, page: Any) -> Any:
            return {"items": [], "next": None}

    said(run_commands.list_runs, Without(), "shop", (), "", "", None, 20, None)
    printed = capsys.readouterr().out
    assert all(len(line) <= 80 for line in printed.splitlines())
    assert "dcanary delivery list shop" in " ".join(printed.split())


def test_a_request_that_nobody_is_asked_about_any_more_is_not_outdated(changed: bool) -> None:
    installed: Any = InstalledRun(state="Approved", books=HOT_FIX)
    assert targets.outdated(installed, installed.run) == []
    assert targets.outdated_of_list(installed, [installed.run]) == set()


def test_a_run_is_shown_also_when_its_requests_cannot_be_read() -> None:
    class Stopped(InstalledRun):
        def get_approval(self, name: str) -> Any:
            raise RejectedError(5, "canister is stopped", "IC0508", "get_approval")

    installed: Any = Stopped()
    assert targets.outdated(installed, installed.run) == []
    assert targets.outdated_of_list(installed, [installed.run]) == set()
