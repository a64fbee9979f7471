"""`dcanary run local --shell`: a shell on the person's terminal, in the sandbox of a stage."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcanary.executor.attendance import Attendance
from tests.executor.repositories import commit, make_repository

PIPELINE = """\
version: 1
name: hello
stages:
  good:
    runtime: shell
    commands: ["echo made > made.txt"]
    artifacts: [made.txt]
  bad:
    runtime: shell
    depends_on: [good]
    environment: {COLOUR: green}
    commands: ["cp made.txt copy.txt", "false", "echo never > never.txt"]
"""
LONGEST_SECONDS = 100


class Terminal:
    """A command on a terminal of its own, at which a test types."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dcanary", "run", "local", *arguments],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder.parent)},
        )
        os.close(theirs)

    def type(self, line: str) -> None:
        os.write(self._ours, line.encode() + b"\n")

    def wait_for(self, wanted: str) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while wanted.encode() not in self.shown:
            assert time.monotonic() < deadline, self.shown.decode()
            if select.select([self._ours], [], [], 1)[0]:
                try:
                    self.shown += os.read(self._ours, 65_536)
                except OSError:
                    raise AssertionError(self.shown.decode()) from None

    def end(self) -> int:
        """The exit code, with all that was shown read."""
        while True:
            ready = select.select([self._ours], [], [], LONGEST_SECONDS)[0]
            assert ready, self.shown.decode()
            try:
                piece = os.read(self._ours, 65_536)
            except OSError:
                break
            if not piece:
                break
            self.shown += piece
        return self.process.wait(LONGEST_SECONDS)

    def hang_up(self) -> None:
        """Close the terminal, as the end of an emulator or of a connection does."""
        os.close(self._ours)
        self._ours = -1

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self._ours >= 0:
            os.close(self._ours)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Those that a test has opened: none outlives it."""
    opened: list[Terminal] = []
    yield opened
    for each in opened:
        each.close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    make_repository(folder, {"dcanary.yml": PIPELINE})
    return folder


def test_a_failed_stage_is_looked_into_where_it_failed(
    repository: Path, terminals: list[Terminal]
) -> None:
    terminal = Terminal(repository, "--shell")
    terminals.append(terminal)
    terminal.wait_for("sandbox$ ")
    terminal.type("echo $((40+2)) $COLOUR $(ls | tr '\\n' +) $(pwd)")
    terminal.wait_for("42 green copy.txt+dcanary.yml+made.txt+ /build/source")
    terminal.type("exit")
    assert terminal.end() == 1
    shown = terminal.shown.decode()
    assert "the stage bad failed: command 2 of 3 ended with exit code 1: false" in shown
    assert shown.count("leave it with: exit") == 1
    assert "error: the stage bad failed: command" in shown


def test_a_stage_that_is_named_is_looked_into_though_it_ended_well(
    repository: Path, terminals: list[Terminal]
) -> None:
    terminal = Terminal(repository, "--stage", "good", "--shell")
    terminals.append(terminal)
    terminal.wait_for("sandbox$ ")
    terminal.type("echo spoilt > made.txt; echo $((1+1))$(cat made.txt)")
    terminal.wait_for("2spoilt")
    terminal.type("exit 3")
    assert terminal.end() == 0
    assert "the stage good has ended well" in terminal.shown.decode()
    # What a person does there changes no result: the file was collected before.
    assert "made.txt, 5 bytes" in terminal.shown.decode()


def left_behind(repository: Path) -> list[str]:
    """Folders of runs that are there still."""
    return [each.name for each in repository.parent.glob("dcanary-run-*")]


def test_a_shell_ends_with_its_terminal_whatever_runs_in_it(
    repository: Path, terminals: list[Terminal]
) -> None:
    terminal = Terminal(repository, "--shell")
    terminals.append(terminal)
    terminal.wait_for("sandbox$ ")
    terminal.type("trap '' HUP; echo $((40+2)) here; sleep 100000")
    terminal.wait_for("42 here")
    assert left_behind(repository)
    # It is nobody's controlling terminal: the kernel sends no signal.
    terminal.hang_up()
    assert terminal.process.wait(LONGEST_SECONDS) != 0
    assert left_behind(repository) == []


def test_a_hangup_while_a_stage_works_ends_it_and_leaves_nothing(
    repository: Path, terminals: list[Terminal]
) -> None:
    long = PIPELINE.replace("echo made > made.txt", "echo begun; sleep 100000")
    (repository / "dcanary.yml").write_text(long)
    commit(repository)
    terminal = Terminal(repository)
    terminals.append(terminal)
    terminal.wait_for("begun\r\n")
    os.kill(terminal.process.pid, signal.SIGHUP)
    assert terminal.end() == 130
    assert left_behind(repository) == []


def test_without_a_terminal_it_is_refused(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dcanary", "run", "local", "--shell"],
        cwd=repository,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == 2
    assert "--shell needs a terminal" in done.stderr


def test_what_goes_wrong_in_the_other_thread_is_raised_in_the_one_that_asked() -> None:
    attendance, raised = Attendance(), []

    def ask() -> None:
        try:
            attendance.ask("command", lambda terminal: None)
        except OSError as error:
            raised.append(str(error))

    def refuse(how: str, start: object) -> None:
        raise OSError(f"{how}: no terminal")

    thread = threading.Thread(target=ask)
    thread.start()
    while thread.is_alive():
        attendance.grant(refuse)
        thread.join(0.01)
    assert raised == ["command: no terminal"]
