"""`dcanary run local --cache`: results of a person's earlier runs, used again as executors do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.executor.repositories import commit, git, make_repository

PIPELINE = """\
version: 1
name: hello
stages:
  build:
    runtime: shell
    commands: ["cat src/* > out.txt", "echo built now"]
    artifacts: [out.txt]
    cache: {inputs: [src/]}
  test:
    runtime: shell
    depends_on: [build]
    commands: ["grep -q hello out.txt"]
"""


class Project:
    """A repository, and runs of it with a cache folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.results = folder / "cache/dcanary/results"
        self._environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        make_repository(self.folder, {"dcanary.yml": PIPELINE, "src/in.txt": "hello\n"})

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dcanary", "run", "local", *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def build(self, *arguments: str) -> tuple[dict[str, Any], str]:
        """How the first stage ended, and what was printed."""
        done = self.run("--json", *arguments)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)["stages"][0]
        return found, done.stderr

    def change(self, path: str, text: str) -> str:
        (self.folder / path).write_text(text)
        return commit(self.folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_result_is_used_again_while_its_inputs_are_the_same(
    project: Project, tmp_path: Path
) -> None:
    first, printed = project.build("--cache")
    assert first["reused"] is None
    assert "no result of the same inputs is kept here: building" in printed
    made_by = git(project.folder, "rev-parse", "HEAD")[:12]

    project.change("README.md", "no input\n")
    into = tmp_path / "into"
    second, printed = project.build("--cache", "--into", str(into))
    assert second["reused"] == f"commit-{made_by}"
    assert second["manifest"] == first["manifest"]
    assert "built now" not in printed.replace("echo built now", "")
    # Later stages find its files, and they are copied out, as if it had been built.
    assert (into / "out.txt").read_text() == "hello\n"
    assert f"the result of commit-{made_by}" in project.run("--cache").stdout

    # Without the option it is built, as before.
    assert project.build()[0]["reused"] is None

    project.change("src/in.txt", "hello again\n")
    third, _ = project.build("--cache")
    assert third["reused"] is None
    assert third["manifest"] != first["manifest"]


def test_each_branch_has_results_of_its_own(project: Project) -> None:
    project.build("--cache")
    git(project.folder, "switch", "-q", "-c", "other")
    project.change("README.md", "on another branch\n")
    assert project.build("--cache")[0]["reused"] is None
    assert project.build("--cache")[0]["reused"]


def test_a_damaged_result_is_said_removed_and_built(project: Project) -> None:
    first, _ = project.build("--cache")
    (kept,) = [each for each in (project.results / "objects").rglob("*") if _is_file_of(each)]
    kept.chmod(0o600)
    kept.write_bytes(b"evil!\n")
    again, printed = project.build("--cache")
    assert "a kept result was damaged, and is removed" in printed
    assert (again["reused"], again["manifest"]) == (None, first["manifest"])
    assert project.build("--cache")[0]["reused"]


def _is_file_of(path: Path) -> bool:
    return path.is_file() and path.read_bytes() == b"hello\n"


def test_a_failed_stage_is_not_kept(project: Project) -> None:
    project.change("dcanary.yml", PIPELINE.replace("echo built now", "false"))
    for _ in range(2):
        done = project.run("--cache")
        assert done.returncode == 1
        assert "no result of the same inputs is kept here" in done.stderr


@pytest.mark.parametrize("other", [["--shell"], ["--compare", "run-1"]])
def test_what_has_to_be_built_takes_no_cache(project: Project, other: list[str]) -> None:
    done = project.run("--cache", *other)
    assert done.returncode == 2
    assert f"--cache cannot be given with {other[0]}" in done.stderr
