"""The command line of the benchmarks, as far as it goes without measuring."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_wrong_argument_is_a_usage_error() -> None:
    done = run("--fast")
    assert done.returncode == 2
    assert "--json FILE" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_written_is_told_before_minutes_of_measuring(tmp_path: Path) -> None:
    done = run("--json", str(tmp_path / "missing" / "figures.json"))
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
