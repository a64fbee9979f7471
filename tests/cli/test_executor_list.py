"""`executor list` names the executors of this folder, and logs say when."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dcanary.cli import executor
from dcanary.cli.context import Context
from dcanary.cli.operations import executor as operations
from dcanary.cli.operations.executor import executor_identity
from dcanary.cli.output import Output
from dcanary.executor import standing


def found(principal: str) -> dict[str, Any]:
    return {
        **{"executor": principal, "operator": "alice", "runtimes": [], "offer": None},
        **{"enabled": True, "online": True, "jobs_committed": 0, "last_seen_ns": 0},
    }


def test_executors_of_this_folder_have_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only principals stood there, and `executor stop` takes a name."""
    monkeypatch.setenv("COLUMNS", "80")
    contexts = Context(tmp_path, "default", Output()), Context(tmp_path, "default", Output(True))
    ours = executor_identity(contexts[0].executors_dir, "alice-1").principal
    (contexts[0].executors_dir / "broken").mkdir()
    (contexts[0].executors_dir / "broken" / "key.pem").write_text("no key")
    items = [found(ours), found("aaaaa-aa")]
    canister = SimpleNamespace(list_executors=lambda page: {"items": items, "next": None})
    for context in contexts:
        context.__dict__["system"] = SimpleNamespace(build_executor=canister)
        command: Any = executor.list_executors
        command.callback.__wrapped__(context, 20, None)
    printed = capsys.readouterr().out
    assert re.search(r"alice-1 +alice", printed.splitlines()[1])
    rows = json.loads(printed[printed.index("[") :])
    assert [row["name"] for row in rows] == ["alice-1", None]


def test_an_executor_of_this_folder_that_prepares_is_not_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    context = Context(tmp_path, "default", Output())
    ours = executor_identity(context.executors_dir, "alice-1").principal
    folder = operations.state_folder(context.executors_dir / "alice-1")
    folder.mkdir()
    items = [{**found(ours), "online": False}, {**found("aaaaa-aa"), "online": False}]
    canister = SimpleNamespace(list_executors=lambda page: {"items": items, "next": None})
    context.__dict__["system"] = SimpleNamespace(build_executor=canister)
    command: Any = executor.list_executors
    for phase in ("starting", "preparing"):
        standing.note(folder, cast(standing.Phase, phase), "linking the interpreter")
        command.callback.__wrapped__(context, 20, None)
    printed = capsys.readouterr().out.splitlines()
    heading, before, other, _, now, still = printed
    # What it has committed to; a job that it holds is not counted.
    assert "done" in heading.split() and "jobs" not in heading
    assert [line.split().count("away") for line in (before, other, now, still)] == [1, 1, 0, 1]
    assert "preparing" in now.split()


def test_each_line_of_a_log_has_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: False))
    executor.told_at(said.append)("took run-1/build/0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ took run-1/build/0", said[0])
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: True))
    executor.told_at(said.append)("took run-1/build/0")
    assert said[1] == "took run-1/build/0"


def test_one_that_was_not_running_and_is_online_in_the_list_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(operations, "stop", lambda home, name, processes: False)
    command: Any = executor.stop
    command.callback.__wrapped__(Context(tmp_path, "default", Output()), "alice-1")
    printed = capsys.readouterr()
    assert printed.out == "alice-1 was not running\n"
    assert "online in executor list until it was silent" in printed.err
