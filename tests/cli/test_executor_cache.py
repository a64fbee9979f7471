"""`dcanary executor cache` on the folder of an executor."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dcanary.cli.operations.executor import executor_identity, state_folder
from dcanary.executor.cache.results import Result, Results
from dcanary.executor.manifest import ManifestFile


def dcanary(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dcanary", "--home", str(home), *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With an executor `alice-1` that keeps two results."""
    executor_identity(tmp_path / "executors", "alice-1")
    results = Results(state_folder(tmp_path / "executors" / "alice-1") / "cache")
    content = tmp_path / "content"
    content.write_bytes(b"module")
    file = ManifestFile("out", 6, hashlib.sha256(b"module").hexdigest())
    first = Result("ab" * 32, "run-3", "build", "counter", "refs/heads/main", (file,), None, 1.0)
    for result in (first, replace(first, key="cd" * 32, run="run-4", files=())):
        assert results.keep(result, lambda _: content, print)
    return tmp_path


def test_what_an_executor_keeps_is_listed_and_cleared(home: Path) -> None:
    listed = json.loads(dcanary(home, "--json", "executor", "cache", "list", "alice-1").stdout)
    assert {(each["run"], each["bytes"], each["files"]) for each in listed} == {
        ("run-3", 6, 1),
        ("run-4", 0, 0),
    }
    assert {each["ref"] for each in listed} == {"refs/heads/main"}
    shown = dcanary(home, "executor", "cache", "list", "alice-1").stdout
    assert "run-3" in shown and "counter" in shown and "abababab" in shown

    cleared = dcanary(home, "--json", "executor", "cache", "clear", "alice-1")
    assert json.loads(cleared.stdout) == {"executor": "alice-1", "results": 2, "bytes": 6}
    emptied = dcanary(home, "executor", "cache", "list", "alice-1")
    assert "alice-1 keeps no results" in emptied.stdout


def test_an_executor_that_is_not_here_is_named(home: Path) -> None:
    for verb in ("list", "clear"):
        done = dcanary(home, "executor", "cache", verb, "bob-1")
        assert done.returncode == 2
        assert "there is no executor bob-1 here: dcanary executor register" in done.stderr
    assert not (home / "executors" / "bob-1").exists()
