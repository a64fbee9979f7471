"""An executor in the background: up when the command says so, started once, always found."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dcanary.cli.operations import executor as operations
from dcanary.cli.operations.processes import Process, Processes
from dcanary.client.errors import ClientError
from dcanary.executor.state import State, StateError

HOLDER = """
import sys, time
from pathlib import Path
from dcanary.executor import standing
from dcanary.executor.state import State
state = State(Path(sys.argv[1]))
standing.note(Path(sys.argv[1]), "announced")
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "processes")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that works on the folder of alice-1, started by somebody else."""
    folder = operations.state_folder(tmp_path / "executors" / "alice-1")
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
        child.kill()


def test_an_executor_that_runs_elsewhere_is_not_started_again(
    tmp_path: Path, processes: Processes, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(ClientError, match=f"alice-1 runs already: pid {holder.pid}"):
        operations.start_in_background(tmp_path, "alice-1", processes, allow_unsandboxed=True)
    assert processes.listed() == []


def test_stopping_ends_the_process_that_holds_the_folder(
    tmp_path: Path, processes: Processes, holder: subprocess.Popen[str]
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "processes").mkdir()
    with processes.changing() as listed:
        listed.append(Process("alice-1", dead.pid, 1.0, tmp_path / "alice-1.log"))
    assert operations.stop(tmp_path, "alice-1", processes)
    holder.wait(60)
    assert not operations.stop(tmp_path, "alice-1", processes)


OF_0_1_0 = """
import fcntl, os, sys, time
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("ready", flush=True)
time.sleep(600)
"""
"""Holds its folder as 0.1.0 does: the lock, and no note of the process."""


@pytest.fixture
def of_0_1_0(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    folder = operations.state_folder(tmp_path / "executors" / "alice-1")
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", OF_0_1_0, str(folder / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
        child.kill()


def test_an_executor_of_0_1_0_is_named_and_not_started_again(
    tmp_path: Path, processes: Processes, of_0_1_0: subprocess.Popen[str]
) -> None:
    with pytest.raises(ClientError, match=f"alice-1 runs already: pid {of_0_1_0.pid}"):
        operations.start_in_background(tmp_path, "alice-1", processes, allow_unsandboxed=True)
    folder = operations.state_folder(tmp_path / "executors" / "alice-1")
    with pytest.raises(StateError, match=rf"another executor \(pid {of_0_1_0.pid}\) runs on"):
        State(folder)


def test_an_executor_of_0_1_0_is_stopped_without_a_record_of_it(
    tmp_path: Path, processes: Processes, of_0_1_0: subprocess.Popen[str]
) -> None:
    assert operations.stop(tmp_path, "alice-1", processes)
    of_0_1_0.wait(60)
    assert not operations.stop(tmp_path, "alice-1", processes)


def test_an_executor_that_cannot_be_stopped_is_an_error_that_names_its_process(
    tmp_path: Path,
    processes: Processes,
    of_0_1_0: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise psutil.AccessDenied  # As the process of another user answers.

    monkeypatch.setattr(psutil.Process, "send_signal", refused)
    with pytest.raises(ClientError, match=f"could not be stopped: process {of_0_1_0.pid} has"):
        operations.stop(tmp_path, "alice-1", processes)


def started(home: Path, processes: Processes) -> Process:
    """An executor of a home folder as it is; it ends by what it lacks."""
    return operations.start_in_background(home, "alice-1", processes, allow_unsandboxed=True)


def test_an_executor_that_ends_at_its_start_is_an_error_with_its_words(
    tmp_path: Path, processes: Processes
) -> None:
    process = started(tmp_path, processes)
    with pytest.raises(ClientError, match="alice-1 has ended") as caught:
        operations.wait_until_up(tmp_path, process, processes, lambda _: None)
    assert "error: " in str(caught.value)
    assert processes.listed() == []


@pytest.mark.parametrize(
    ("phase", "told"),
    [("denied", "gets no work: why it is"), ("troubled", "is not up after 1 s: why it is")],
)
def test_an_executor_that_gets_no_work_is_an_error_and_stopped(
    tmp_path: Path,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
    told: str,
) -> None:
    monkeypatch.setattr(operations, "START_SECONDS", 1.0)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    process = Process("alice-1", child.pid, psutil.Process(child.pid).create_time(), tmp_path)
    (tmp_path / "processes").mkdir()
    with processes.changing() as listed:
        listed.append(process)
    folder = operations.state_folder(tmp_path / "executors" / "alice-1")
    folder.mkdir(parents=True)
    note = {"pid": child.pid, "started": process.started, "phase": phase, "said": "why it is"}
    (folder / "standing.json").write_text(json.dumps(note))
    with pytest.raises(ClientError, match=told):
        operations.wait_until_up(tmp_path, process, processes, lambda _: None)
    child.wait(60)
    assert processes.listed() == []


PREPARES = """
import sys, time
from pathlib import Path
from dcanary.executor import standing
folder = Path(sys.argv[1])
for step in ("linking", "optimising", "binding"):
    standing.note(folder, "preparing", step)
    time.sleep(1.0)
standing.note(folder, "announced")
time.sleep(600)
"""
"""Prepares what its runtimes need for longer than START_SECONDS of the test."""


def test_an_executor_that_prepares_is_waited_for_and_says_what_is_under_way(
    tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start of all makes the canister template, which takes minutes."""
    folder = operations.state_folder(tmp_path / "executors" / "alice-1")
    folder.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", PREPARES, str(folder)]) as child:
        process = Process("alice-1", child.pid, psutil.Process(child.pid).create_time(), tmp_path)
        deadline = time.monotonic() + 60
        while not operations.preparing(tmp_path / "executors", ["alice-1", "bob-1"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        monkeypatch.setattr(operations, "START_SECONDS", 1.5)
        said: list[str] = []
        operations.wait_until_up(tmp_path, process, processes, said.append)
        child.kill()
    assert said == ["alice-1: linking", "alice-1: optimising", "alice-1: binding"]
    assert operations.preparing(tmp_path / "executors", ["alice-1"]) == set()
