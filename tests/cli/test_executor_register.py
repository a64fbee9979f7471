"""`executor register` says what was registered and how it is started."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dcanary.cli import executor
from dcanary.cli.context import Context
from dcanary.cli.output import Output

PRINCIPAL = "2vxsx-fae"


def registered(output: Output, principal: str | None, folder: Path) -> None:
    """Register dora-1 with a canister that answers as it does."""

    def register_executor(value: dict[str, Any]) -> dict[str, Any]:
        rest = {"enabled": True, "last_seen_ns": 0, "offer": None, "online": False}
        return {"enabled": True, **rest, **value}

    context = Context(folder, "default", output)
    canister = SimpleNamespace(register_executor=register_executor)
    context.__dict__["system"] = SimpleNamespace(build_executor=canister)
    command = executor.executor.commands["register"]
    command.callback.__wrapped__(context, "dora-1", "dora", principal, ("shell",))  # type: ignore[union-attr]


def test_what_was_registered_is_told_in_few_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registered(Output(), None, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["executor", "operator", "runtimes"]
    assert lines[2].endswith("shell")
    assert lines[3:] == ["start it: dcanary executor start dora-1"]


def test_an_executor_elsewhere_is_started_where_its_key_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registered(Output(), PRINCIPAL, tmp_path)
    assert "start it on the machine that has its key: " in capsys.readouterr().out


def test_programs_get_the_whole_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registered(Output(as_json=True), PRINCIPAL, tmp_path)
    assert json.loads(capsys.readouterr().out)["last_seen_ns"] == 0
