"""Background processes: told from later ones of the same id, ended, their record never torn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from dcanary.cli.operations import forge
from dcanary.cli.operations.processes import Process, Processes
from dcanary.client.errors import ClientError


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "processes")


def sleeper() -> Process:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    child.returncode = 0
    return Process("x", child.pid, psutil.Process(child.pid).create_time(), Path("x.log"))


def keep(processes: Processes, *each: Process) -> None:
    """Write the record as `spawn` does."""
    with processes.changing() as listed:
        listed.extend(each)


def test_a_command_is_run_detached_with_its_log(processes: Processes, tmp_path: Path) -> None:
    made = processes.spawn("lister", ["--version"])
    psutil.Process(made.pid).wait(60)
    assert processes.listed() == [made]
    assert made.log.read_text().startswith("dcanary")
    assert not processes.running(made)
    with pytest.raises(ClientError, match="lister has ended; last lines of"):
        processes.require(made)


def test_a_process_that_runs_is_ended_by_its_name(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "processes").mkdir()
    made = sleeper()
    keep(processes, made)
    assert processes.running(made)
    assert processes.stop("x")
    assert not processes.running(made)
    assert processes.listed() == []
    assert not processes.stop("x")


def test_what_runs_already_is_not_started_again_and_its_record_is_kept(
    processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "processes").mkdir()
    made = sleeper()
    keep(processes, made)
    with pytest.raises(ClientError, match=f"x runs already: pid {made.pid}") as caught:
        processes.spawn("x", ["--version"])
    assert caught.value.hint == "to end it: dcanary executor stop x"
    assert processes.listed() == [made]
    assert processes.found("x") == made
    assert processes.stop("x")
    assert processes.found("x") is None


def test_only_what_this_start_printed_is_told_of_a_process_that_ended(
    processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "processes").mkdir()
    (tmp_path / "processes" / "lister.log").write_text("of an earlier start\n")
    made = processes.spawn("lister", ["nonsense"])
    psutil.Process(made.pid).wait(60)
    with pytest.raises(ClientError, match="No such command") as caught:
        processes.require(made)
    assert "of an earlier start" not in str(caught.value)


def test_a_later_process_of_the_same_id_is_left_alone(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "processes").mkdir()
    made = sleeper()
    keep(processes, replace(made, started=made.started - 5))
    assert not processes.stop("x")
    assert processes.running(made)
    os.kill(made.pid, signal.SIGKILL)


def test_what_ignores_a_request_to_end_is_killed(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcanary.cli.operations.processes.STOP_SECONDS", 0.2)
    (tmp_path / "processes").mkdir()
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('ready', flush=True); time.sleep(600)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    made = Process("x", child.pid, psutil.Process(child.pid).create_time(), Path("x.log"))
    keep(processes, made)
    assert processes.stop_all() == ["x"]
    assert not processes.running(made)
    child.stdout.close()
    child.returncode = 0


def test_commands_at_once_lose_no_process_of_the_record(
    processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "processes").mkdir()
    each = [Process(f"p{n}", n + 1, 0.0, Path("x.log")) for n in range(20)]
    threads = [threading.Thread(target=keep, args=(processes, one)) for one in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.name for one in processes.listed()) == sorted(one.name for one in each)


def test_stopping_where_nothing_was_started_makes_no_folder(
    processes: Processes, tmp_path: Path
) -> None:
    assert processes.stop_all() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", '[{"name": 1}]', "[3]"])
def test_a_broken_record_is_an_empty_one(processes: Processes, tmp_path: Path, text: str) -> None:
    (tmp_path / "processes").mkdir()
    (tmp_path / "processes" / "processes.json").write_text(text)
    assert processes.listed() == []


def test_a_process_in_the_record_of_0_1_0_is_found_and_ended(
    processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "processes").mkdir()
    made = sleeper()
    # Clock ticks since the boot, field 22 of proc(5), are what 0.1.0 wrote.
    ticks = Path(f"/proc/{made.pid}/stat").read_text().rpartition(")")[2].split()[19]
    rows = [{"name": "x", "pid": made.pid, "started": ticks, "log": "x.log"}]
    (tmp_path / "processes" / "processes.json").write_text(json.dumps(rows))
    assert processes.found("x") is not None
    assert processes.stop("x")
    assert not processes.running(made)


def test_a_later_process_of_the_id_in_a_record_of_0_1_0_is_left_alone(
    processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "processes").mkdir()
    rows = [{"name": "x", "pid": os.getpid(), "started": "123456", "log": "x.log"}]
    (tmp_path / "processes" / "processes.json").write_text(json.dumps(rows))
    assert not processes.stop("x")


def test_a_forge_that_no_record_names_is_stopped(processes: Processes, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dcanary", "--home", str(tmp_path), "forge", "start"]
    with subprocess.Popen(command) as child:
        try:
            deadline = time.monotonic() + 60
            while forge.running_url(tmp_path / "forge") is None and time.monotonic() < deadline:
                time.sleep(0.05)
            assert forge.stop(tmp_path / "forge", processes)
            assert child.wait(60) == 0
        finally:
            child.kill()
    assert not forge.stop(tmp_path / "forge", processes)


def test_a_forge_that_was_started_a_moment_ago_is_waited_for_and_not_started_again(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "processes").mkdir()
    made = replace(sleeper(), name="forge")
    keep(processes, made)
    answers = iter([None, None, "http://127.0.0.1:1"])
    monkeypatch.setattr(forge, "running_url", lambda _: next(answers))
    assert forge.start_in_background(tmp_path, tmp_path, processes) == "http://127.0.0.1:1"
    assert processes.listed() == [made]
    assert processes.stop("forge")
