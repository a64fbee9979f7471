"""Shells complete commands and options, and wrong words are answered with those like them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dcanary.cli.completion import SHELLS
from dcanary.cli.main import run
from dcanary.cli.nouns import NOUNS


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_asks_dcanary(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert f"_DCANARY_COMPLETE={shell}_complete" in capsys.readouterr().out


def completed(*words: str) -> list[str]:
    """What bash is told of the last word."""
    asked = {"_DCANARY_COMPLETE": "bash_complete", "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "dcanary"],
        env={**os.environ, **asked, "COMP_WORDS": " ".join(words)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_nouns_verbs_options_and_values_are_completed() -> None:
    assert completed("dcanary", "") == sorted(NOUNS)
    assert completed("dcanary", "pip") == ["pipeline"]
    assert completed("dcanary", "pipeline", "add") == ["add-stage"]
    assert "--runtime" in completed("dcanary", "pipeline", "add-stage", "--run")
    assert completed("dcanary", "run", "list", "--state", "fai") == ["failed"]


def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    program = tmp_path / "dcanary"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dcanary "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(dcanary completion bash)"\n'
        'COMP_WORDS=(dcanary pipeline add) COMP_CWORD=2 COMP_LINE="dcanary pipeline add"\n'
        '_dcanary_completion dcanary\necho "${COMPREPLY[@]}"\n'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [bash, "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == ["add-stage"]


@pytest.mark.parametrize(
    ("words", "like"),
    [
        (["pipline"], "pipeline"),
        (["deploy-pipelin"], "deploy-pipeline"),
        (["pipeline", "ad-stage"], "add-stage"),
        (["run", "list", "--stat", "failed"], "--state"),
    ],
)
def test_a_wrong_word_is_answered_with_those_like_it(
    words: list[str], like: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert f"'{like}'" in capsys.readouterr().err


def test_a_wrong_word_like_no_other_is_told_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zzz"]) == 2
    assert "Did you mean" not in capsys.readouterr().err
