"""`network start` and `status`: what people read, and what programs get."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli import network
from dcanary.cli.context import Context
from dcanary.cli.operations import network as operations
from dcanary.cli.output import Output
from dcanary.replica.network.files import RunningNetwork

KEY = "ab" * 125 + "0123456789abcdef"
RUNNING = RunningNetwork(4943, KEY, 77, "http://localhost", 1_800_000_000)


def test_people_get_a_moment_and_the_end_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number of seconds and 266 digits stood there."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(operations, "require_running", lambda folder: RUNNING)
    status: Any = network.status
    status.callback.__wrapped__(Context(tmp_path, "default", Output()))
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) < 80 for line in lines)
    assert "started   2027-01-15 08:00:00Z" in lines
    assert "root_key  …0123456789abcdef (whole: --json)" in lines
    status.callback.__wrapped__(Context(tmp_path, "default", Output(as_json=True)))
    assert json.loads(capsys.readouterr().out) == asdict(RUNNING)
