"""scripts/setup.sh is quiet while all goes well, and shows everything when something fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

SCRIPT = (Path(__file__).resolve().parents[2] / "scripts" / "setup.sh").read_text(encoding="utf-8")


def function(name: str) -> str:
    """The source of a function of the script."""
    found = re.search(rf"^{name}\(\) {{.*?(?:^}}| }})$", SCRIPT, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[0]


def step(command: str, tell: int = 15) -> subprocess.CompletedProcess[str]:
    """What `step` prints around a command, and every `tell` seconds meanwhile."""
    script = "\n".join(
        [
            "set -euo pipefail",
            function("say"),
            f"TELL={tell}",
            function("step"),
            function("latest"),
            function("short"),
            function("tell_of_proxies"),
            f"work() {{ {command}; }}",
            'step "npm packages" "this takes half a minute" work',
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
        r"setup: npm packages\nsetup: this takes half a minute \.\.\.\n"
        r"setup: done in \d+ s\nafter\n",
        done.stderr,
    )


def test_a_step_that_takes_long_says_what_it_is_at_in_lines_of_80_columns() -> None:
    done = step(f"echo first; echo '  Collecting {'x' * 100}'; sleep 2.5", tell=1)
    assert done.returncode == 0
    (line, *_) = re.findall(r"setup:   1 s: .*", done.stderr)
    assert line.startswith("setup:   1 s: Collecting xxx")
    assert all(len(one) <= 80 for one in done.stderr.splitlines())


def test_a_long_line_is_cut_between_two_words() -> None:
    printed = "npm http fetch GET https://packages.invalid/one-package attempt 2 failed with E"
    done = step(f"echo {printed}; sleep 2.5", tell=1)
    (line, *_) = re.findall(r"setup:   1 s: (.*)", done.stderr)
    assert line.endswith(" ...")
    assert printed.startswith(line.removesuffix("...")), "whole words"


def test_a_step_that_fails_behind_a_proxy_names_its_variables_without_their_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("npm_config_proxy", "npm_config_https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert "proxy" not in step("false").stderr
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hidden@proxy.invalid")
    done = step("false")
    assert (
        "setup: downloads went through the proxy of HTTPS_PROXY: does it answer?\n" in done.stderr
    )
    assert "hidden" not in done.stderr


def test_a_step_that_prints_nothing_is_not_silent() -> None:
    assert "setup:   1 s: still at it\n" in step("sleep 2", tell=1).stderr


def test_ctrl_c_ends_what_a_step_runs() -> None:
    script = "\n".join(
        [
            "set -euo pipefail",
            "TELL=15",
            *(function(name) for name in ("say", "step", "latest", "short")),
            "work() { echo $BASHPID >&3; exec sleep 600; }",
            "step title usual work",
        ]
    )
    read, write = os.pipe()
    with subprocess.Popen(
        ["bash", "-c", script.replace(">&3", f">&{write}")],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        os.close(write)
        with os.fdopen(read) as said:
            pid = int(said.readline())
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            # The end of the pipe: nothing of the step has it open any more.
            assert said.read() == ""
    assert not Path(f"/proc/{pid}").exists()


def test_no_line_of_the_script_is_wider_than_80_columns() -> None:
    told = re.findall(r'(?:say |step |usual=)"([^"]*)"', SCRIPT)
    assert told
    assert max(map(len, told)) <= 80


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
