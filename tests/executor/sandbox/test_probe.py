"""The probe says why the sandbox cannot be used, and what to do."""

from pathlib import Path

import pytest

from dcanary.executor.sandbox import probe_sandbox


def _program(folder: Path, text: str) -> str:
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(program)


def test_a_missing_bubblewrap_is_answered_with_the_line_that_installs_it() -> None:
    probe = probe_sandbox("no-such-bwrap")
    assert probe.sandbox is None
    assert "apt-get install -y bubblewrap" in probe.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo bubblewrap 0.4.1", "needs bubblewrap 0.8.0 or later"),
        ("true", "no version"),
        (
            '[ "$1" = --version ] && echo bubblewrap 0.9.0 && exit\necho not permitted >&2; exit 1',
            "the kernel or container refuses the sandbox (not permitted)",
        ),
    ],
)
def test_an_unusable_bubblewrap_is_explained(tmp_path: Path, text: str, words: str) -> None:
    probe = probe_sandbox(_program(tmp_path, text))
    assert probe.sandbox is None
    assert words in probe.reason
