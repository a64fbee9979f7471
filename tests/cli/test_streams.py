"""What becomes of a command whose output cannot be written, or that is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCHEMA = ["pipeline", "schema"]
"""A command that prints much and needs no installation."""


def shell(folder: Path, arguments: list[str], redirect: str) -> subprocess.CompletedProcess[str]:
    command = " ".join([sys.executable, "-m", "dcanary", *arguments, redirect])
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DCANARY")}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments", [SCHEMA, ["--json", *SCHEMA], ["--help"], ["run", "--help"], []], ids=" ".join
)
@pytest.mark.parametrize(
    ("redirect", "why"),
    [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
)
def test_output_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, arguments: list[str], redirect: str, why: str
) -> None:
    done = shell(tmp_path, arguments, redirect)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"the output cannot be written: {why}" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [SCHEMA, ["--json", *SCHEMA], ["--help"], ["run", "--help"], ["run", "show", "run-1"]],
    ids=" ".join,
)
def test_a_reader_that_has_ended_ends_the_command_as_sigpipe_does(
    tmp_path: Path, arguments: list[str]
) -> None:
    """It was exit code 1, that of a refusal, without a word."""
    reader = '2>&1 | sleep 0; echo "${PIPESTATUS[0]}"'
    if "show" not in arguments:
        reader = '2>error | sleep 0; echo "${PIPESTATUS[0]}"'
    done = shell(tmp_path, arguments, reader)
    assert done.stdout == "141\n"
    assert done.stderr == ""
    error = tmp_path / "error"
    assert not error.exists() or error.read_text() == ""


def test_what_a_reader_leaves_unread_is_no_failure_of_what_it_read(tmp_path: Path) -> None:
    done = shell(tmp_path, SCHEMA, '| head -1; echo "${PIPESTATUS[@]}"')
    assert done.stdout.splitlines()[0] == "{"
    assert done.stdout.splitlines()[-1] in ("141 0", "0 0")  # It may all fit the pipe.
    assert done.stderr == ""


def test_closed_standard_streams_are_not_given_to_files(tmp_path: Path) -> None:
    done = shell(tmp_path, ["identity", "new", "x"], "<&- >&- 2>&-")
    assert done.returncode == 1
    assert "PRIVATE KEY" in (tmp_path / ".dcanary" / "identities" / "x.pem").read_text()
    assert shell(tmp_path, SCHEMA, "2>&-").returncode == 0


PAUSED = """
import signal, sys, time
sys.argv = ["dcanary", "run", "list"]
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv_slow:
            print("importing", flush=True)
            time.sleep(600)
sys.argv_slow = sys.orig_argv[-1]
sys.meta_path.insert(0, Slow())
from dcanary.cli.main import main
main()
"""


@pytest.mark.parametrize(
    "module", ["dcanary.cli.help", "dcanary.cli.app", "click", "dcanary.cli.run"]
)
def test_ctrl_c_while_modules_are_imported_ends_quietly(tmp_path: Path, module: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PAUSED, module],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "importing\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert "Traceback" not in process.stderr.read()
