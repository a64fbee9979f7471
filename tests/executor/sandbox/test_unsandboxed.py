"""Without a sandbox, limits still hold. Only harmless commands here: nothing confines them."""

import os
import subprocess
from pathlib import Path

import pytest

from dcanary.executor.manifest import collect_artifacts
from dcanary.executor.sandbox import Limits, Plan, StageResult, UnsandboxedRunner
from tests.executor.conftest import write_source

MIB = 1 << 20


def run(folder: Path, *commands: str, seconds: float = 20) -> StageResult:
    source = write_source(folder / "source.tar", {"hello.txt": "hello"})
    limits = Limits(96 * MIB, 8 * MIB, 64 * 1024, 24, seconds)

    def collect(source: int) -> None:
        collect_artifacts(source, ["hello.txt"], folder / "held", MIB)

    plan = Plan(list(commands), source)
    return UnsandboxedRunner(folder / "jobs").run(
        plan, limits, lambda chunk: None, lambda: False, collect
    )


def test_a_stage_runs_and_its_folder_is_removed(tmp_path: Path) -> None:
    assert run(tmp_path, "cat hello.txt").succeeded
    assert list((tmp_path / "jobs").iterdir()) == []
    assert len(list((tmp_path / "held").iterdir())) == 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("exit 1", "command"),
        ("sleep 1000", "time_limit"),
        ("head -c 20000000 /dev/zero > big; sleep 9", "storage_limit"),
        ("head -c 1000000000 /dev/zero", "output_limit"),
        ("for i in $(seq 40); do sleep 9 & done; wait", "process_limit"),
        (
            "awk 'BEGIN { s = \"x\"; for (i = 0; i < 28; i++) s = s s; print length(s) }'",
            "memory_limit",
        ),
    ],
)
def test_a_limit_stops_a_stage_with_its_reason(tmp_path: Path, command: str, reason: str) -> None:
    assert run(tmp_path, command, seconds=1 if reason == "time_limit" else 20).reason in (
        (reason, "command") if reason == "storage_limit" else (reason,)
    )


def test_what_a_stage_leaves_running_ends_with_it(tmp_path: Path) -> None:
    mark = f"32{os.getpid()}"
    assert run(tmp_path, f"setsid sleep {mark} & setsid sleep {mark} &").succeeded
    found = subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False)
    assert found.stdout == b""
