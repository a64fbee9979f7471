"""Whoever has locked a file is named by the kernel."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from dcanary.lock_holder import holder, is_held


def test_the_process_that_has_locked_a_file_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not is_held(lock)
    assert holder(lock) is None
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert is_held(lock)
        assert holder(lock) == child.pid
        child.kill()
    assert not is_held(lock)
    assert holder(lock) is None


def test_a_look_at_a_lock_is_no_hold(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert not is_held(tmp_path / "lock")
        assert holder(tmp_path / "lock") is None


def test_a_lock_that_cannot_be_read_is_not_said_to_be_free(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(IsADirectoryError):
        is_held(tmp_path / "lock")
