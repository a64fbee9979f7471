"""The demo's folder: found again whatever is exported, and nobody else's is ever emptied."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dcanary.cli.demo.home import MARKER, demo_home, emptied
from dcanary.cli.main import run
from dcanary.cli.operations.processes import Process, Processes
from dcanary.client.errors import ConfigError


@pytest.fixture(autouse=True)
def any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences in one line, also where the test run sets a width."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def left_running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A folder of a demo, of which an executor still runs."""
    home = tmp_path / "demo"
    (home / "processes").mkdir(parents=True)
    (home / MARKER).touch()
    (home / "system.json").touch()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
        started = psutil.Process(child.pid).create_time()
        with Processes(home / "processes").changing() as listed:
            listed.append(Process("alice-1", child.pid, started, home / "alice-1.log"))
        yield child
        child.kill()


def refuse(names: list[str]) -> None:
    raise AssertionError(f"asked although nothing runs: {names}")


def test_a_demo_that_runs_is_not_stopped_without_an_answer(
    tmp_path: Path,
    left_running: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert run(["--home", str(tmp_path), "demo"]) == 2
    told = capsys.readouterr().err
    assert "a demo runs in" in told
    assert "alice-1" in told
    assert "--fresh" in told
    assert "dcanary demo --stop" in told
    assert left_running.poll() is None
    assert (tmp_path / "demo" / "system.json").exists()


def test_a_demo_that_runs_is_stopped_once_that_is_confirmed(
    tmp_path: Path, left_running: subprocess.Popen[bytes]
) -> None:
    asked: list[list[str]] = []
    with emptied(tmp_path / "demo", asked.append):
        assert asked == [["alice-1"]]
        left_running.wait(60)
        assert [path.name for path in (tmp_path / "demo").iterdir()] == [MARKER]


def test_what_an_ended_demo_left_is_deleted_without_a_question(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    (tmp_path / "work").mkdir()
    with emptied(tmp_path, refuse):
        assert [path.name for path in tmp_path.iterdir()] == [MARKER]


def test_a_demo_at_work_is_left_alone_even_with_fresh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with emptied(tmp_path / "demo", refuse):
        (tmp_path / "demo" / "work").mkdir()
        assert run(["--home", str(tmp_path), "demo", "--fresh"]) == 1
        assert (tmp_path / "demo" / "work").is_dir()
    told = capsys.readouterr().err
    assert f"a demo is at work in {tmp_path / 'demo'}: process {os.getpid()}" in told


def test_the_demo_has_a_folder_of_its_own_in_the_home_folder(tmp_path: Path) -> None:
    assert demo_home(tmp_path) == tmp_path / "demo"


def test_an_exported_demo_folder_is_the_demo_folder(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    assert demo_home(tmp_path) == tmp_path


def test_a_folder_that_no_demo_made_is_never_emptied(tmp_path: Path) -> None:
    precious = tmp_path / "demo" / "system.json"
    precious.parent.mkdir()
    precious.write_text("mine")
    with (
        pytest.raises(ConfigError, match="not a folder that a demo made"),
        emptied(tmp_path / "demo", refuse),
    ):
        pass
    assert precious.read_text() == "mine"


def test_a_demo_that_runs_in_the_usual_place_is_named_where_another_is_looked_for(
    tmp_path: Path,
    left_running: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """DCANARY_HOME of the tutorial is set, and the demo was started without it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path(".dcanary").symlink_to(tmp_path)
    assert run(["--home", "tutorial", "demo", "--stop"]) == 0
    told = capsys.readouterr()
    here = Path.cwd()
    assert told.out == f"no demo was running in {here}/tutorial/demo\n"
    assert f"one runs in {here}/.dcanary/demo: dcanary --home .dcanary demo --stop" in told.err
    assert left_running.poll() is None
    assert run(["--home", ".dcanary", "demo", "--stop"]) == 0
    assert run(["--home", ".dcanary", "demo", "--stop"]) == 0
    assert "one runs in" not in capsys.readouterr().err


def test_stopping_when_nothing_runs_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--home", str(tmp_path), "demo", "--stop"]) == 0
    assert "no demo was running" in capsys.readouterr().out
