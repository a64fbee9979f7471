"""scripts/setup.sh is quiet while all goes well, and shows everything when something fails."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SCRIPT = (Path(__file__).resolve().parents[2] / "scripts" / "setup.sh").read_text(encoding="utf-8")


def function(name: str) -> str:
    """The source of a function of the script."""
    found = re.search(rf"^{name}\(\) {{.*?(?:^}}| }})$", SCRIPT, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[0]


def step(command: str) -> subprocess.CompletedProcess[str]:
    """What `step` prints around a command."""
    script = "\n".join(
        [
            "set -euo pipefail",
            function("say"),
            function("step"),
            f"work() {{ {command}; }}",
            'step "npm packages" "half a minute" work',
            "say after",
        ]
    )
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_step_that_works_says_its_title_and_how_long_it_took() -> None:
    done = step("echo noise; echo WARNING: more noise >&2")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "noise" not in done.stderr
    assert re.fullmatch(
        r"setup: npm packages \(half a minute the first time\) \.\.\.\n"
        r"setup: done in \d+ s\nafter\n",
        done.stderr,
    )


def test_a_step_that_fails_shows_what_was_printed_and_ends_the_set_up() -> None:
    done = step("echo reason; false")
    assert done.returncode == 1
    assert "reason\n" in done.stderr
    assert "that failed" in done.stderr
    assert "after" not in done.stderr


def test_the_python_packages_end_with_the_first_failure() -> None:
    source = function("install_python_packages")
    script = "\n".join(
        [
            "set -euo pipefail",
            "cd $(mktemp -d)",
            "mkdir -p .venv/bin",
            "printf '#!/bin/sh\\necho ran $*; exit 1\\n' > .venv/bin/python",
            "chmod +x .venv/bin/python",
            source,
            "if ! install_python_packages; then exit 7; fi",
        ]
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 7
    assert done.stdout.count("ran ") == 1
