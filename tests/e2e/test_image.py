"""An image of Debian's and npm's real packages: locked, built, and what a stage sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dcanary.cli.main import run
from dcanary.executor.sandbox import Limits, Plan, probe_sandbox
from tests.e2e.registries import live_proxies_only as live_proxies_only
from tests.executor.conftest import write_source

pytestmark = pytest.mark.e2e

SPEC = """\
version: 1
suite: bookworm
debian: [make, mawk, usr-is-merged]
npm: {"@icp-sdk/ic-wasm-linux-x64": 0.11.1}
links:
  /usr/bin/awk: mawk
  /usr/bin/ic-wasm: /usr/lib/node_modules/@icp-sdk/ic-wasm-linux-x64/bin/ic-wasm
environment: {GREETING: hello}
exclude: [/usr/share/doc, /usr/share/locale, /usr/share/man, /var]
"""
MAKEFILE = "all:\n\tawk 'BEGIN { print 6 * 7 }' > answer\n\tic-wasm --version >> answer\n"


def test_an_image_from_the_real_registries_is_all_that_a_stage_sees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is downloaded and built stays in the user's cache, by its content."""
    (tmp_path / "own.yml").write_text(SPEC)
    assert run(["--json", "image", "lock", str(tmp_path / "own.yml")]) == 0, capsys.readouterr().err
    locked = json.loads(capsys.readouterr().out)
    assert run(["--json", "image", "build", str(tmp_path / "own.lock")]) == 0, (
        capsys.readouterr().err
    )
    built = json.loads(capsys.readouterr().out)
    assert built["digest"] == locked["digest"]
    assert run(["--json", "image", "show", str(tmp_path / "own.lock")]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert any(each.startswith("debian bookworm-updates ") for each in shown["releases"])

    sandbox = probe_sandbox().sandbox
    assert sandbox is not None
    source = write_source(tmp_path / "source.tar", {"Makefile": MAKEFILE})
    printed = bytearray()
    plan = Plan(
        ["make", "cat answer", "echo $GREETING", 'test -z "$(ls -A /home /root | grep -v :)"'],
        source,
        {"GREETING": "hello"},
        root=Path(built["root"]),
    )
    limits = Limits(512 << 20, 64 << 20, 64 << 10, 64, 120)
    result = sandbox.run(plan, limits, printed.extend, lambda: False, lambda _: None)
    said = printed.decode()
    assert result.succeeded, said
    assert "\n42\nic-wasm 0.11.1\n" in said
    assert "\nhello\n" in said
