"""The demo's folder: found again whatever is exported, and nobody else's is ever emptied."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.cli.demo.main_job import MARKER, MainJob, demo_home
from dcanary.cli.demo.reporter import Reporter
from dcanary.cli.main import run
from dcanary.client.errors import ConfigError


def test_the_demo_has_a_folder_of_its_own_in_the_home_folder(tmp_path: Path) -> None:
    assert demo_home(tmp_path) == tmp_path / "demo"


def test_an_exported_demo_folder_is_the_demo_folder(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    assert demo_home(tmp_path) == tmp_path


def test_a_folder_that_no_demo_made_is_never_emptied(tmp_path: Path) -> None:
    precious = tmp_path / "demo" / "system.json"
    precious.parent.mkdir()
    precious.write_text("mine")
    job = MainJob(tmp_path / "demo", ["counter-motoko"], Reporter(True), keep_running=True)
    with pytest.raises(ConfigError, match="not a folder that a demo made"):
        job.run()
    assert precious.read_text() == "mine"


def test_stopping_when_nothing_runs_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--home", str(tmp_path), "demo", "--stop"]) == 0
    assert "no demo was running" in capsys.readouterr().out
