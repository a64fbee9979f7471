"""The main job: what `make demo` runs, both examples, from an empty folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import PATIENCE, ROOT


@pytest.mark.timeout(600 * PATIENCE)
def test_a_signed_push_becomes_an_agreed_approved_deployed_canister_that_can_be_taken_back(
    tmp_path: Path,
) -> None:
    def dcanary(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dcanary", *arguments],
            capture_output=True,
            text=True,
            timeout=500 * PATIENCE,
            cwd=ROOT,
        )

    try:
        done = dcanary("--home", str(tmp_path), "--json", "demo")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        events: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
        steps = [each["step"] for each in events if each["event"] == "step"]
        assert steps == list(range(1, len(steps) + 1))
        assert [each["step"] for each in events if each["event"] == "done"] == steps
        for example in ("counter-motoko", "counter-python"):
            answers = [
                (each["method"], each["answer"])
                for each in events
                if each.get("repository") == example and "method" in each
            ]
            # The first release counts in ones; the upgrade keeps the 1 and counts in tens.
            assert answers[1:3] == [("get", 1), ("get", 1)], answers
            assert answers[-1] == ("get", 11), answers
        released = [each for each in events if "module_hash" in each]
        assert [each["release"] for each in released] == [f"release-{n}" for n in range(1, 5)]
        approved = {each["sha256"] for each in events if "approval" in each}
        assert {each["module_hash"] for each in released} == approved
        verdicts = {each["run"]: each["verdict"] for each in events if "verdict" in each}
        assert verdicts == {f"run-{n}": "Agreed" for n in range(1, 5)}
        operators = {(e["run"], e["operator"]) for e in events if "manifest" in e}
        assert len(operators) >= 2 * len(verdicts)

        home = str(tmp_path / "demo")
        commit = tmp_path / "demo" / "work" / "counter-motoko" / "dcanary.yml"
        again = dcanary("--home", home, "--json", "run", "local", str(commit), "--compare", "run-1")
        assert again.returncode == 0, again.stderr
        assert [(e["stage"], e["equal"]) for e in json.loads(again.stdout)["stages"]] == [
            ("build", True)
        ]
        for release, example in (("release-3", "counter-motoko"), ("release-4", "counter-python")):
            back = dcanary("--home", home, "--json", "release", "rollback", release, "--yes")
            assert back.returncode == 0, back.stderr
            assert json.loads(back.stdout)["rollback"]["undoes"] == release
            shown = dcanary("--home", home, "--json", "target", "call", example, "get")
            assert json.loads(shown.stdout) == 1
            grown = dcanary("--home", home, "--json", "target", "call", example, "inc")
            assert grown.returncode == 0
            shown = dcanary("--home", home, "--json", "target", "call", example, "get")
            assert json.loads(shown.stdout) == 2
    finally:
        dcanary("--home", str(tmp_path), "demo", "--stop")
