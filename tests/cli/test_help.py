"""Help is there at once, and what it says is what the commands take."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dcanary.cli.help import HELP, rendered
from dcanary.cli.main import run
from dcanary.cli.nouns import NOUNS

HEAVY = {"httpx", "cryptography", "cbor2", "ic", "pydantic", "rich", "yaml", "wasmtime"}
LOADED = (
    "import sys\n"
    "from dcanary.cli.main import main\n"
    "try: main()\n"
    "except SystemExit as end: assert not end.code, end.code\n"
    "sys.stderr.write(' '.join({name.partition('.')[0] for name in sys.modules}))\n"
)


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The entry point in a process of its own; the names of loaded packages go to its stderr."""
    return subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


def test_the_kept_help_is_what_the_commands_give() -> None:
    assert rendered() == HELP, "run `.venv/bin/python -m dcanary.cli.help`"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_dcanary_alone_is_a_question_for_help(arguments: list[str]) -> None:
    done = start(*arguments)
    assert done.stdout == HELP
    assert "click" not in done.stderr.split()


def test_a_noun_alone_is_a_question_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("Usage: dcanary run ")
    assert printed.err == ""


@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_help_of_a_noun_imports_no_heavy_library(noun: str) -> None:
    assert HEAVY & set(start(noun, "--help").stderr.split()) == set()


def test_help_that_nobody_reads_is_no_traceback() -> None:
    command = f"{sys.executable} -m dcanary --help | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
