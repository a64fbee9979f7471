"""Without a sandbox, limits still hold. Only harmless commands here: nothing confines them."""

import os
import subprocess
from pathlib import Path

import pytest

from dcanary.executor.manifest import collect_artifacts
from dcanary.executor.sandbox import WARNING, Limits, Plan, StageResult, UnsandboxedRunner
from dcanary.executor.sandbox.cgroup import create_cgroup
from tests.executor.conftest import write_source

MIB = 1 << 20


@pytest.fixture(params=[True, False], ids=["control groups", "watching"])
def groups(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def run(folder: Path, *commands: str, groups: bool, seconds: float = 20) -> StageResult:
    source = write_source(folder / "source.tar", {"hello.txt": "hello"})
    limits = Limits(96 * MIB, 8 * MIB, 64 * 1024, 24, seconds)

    def collect(source: int) -> None:
        collect_artifacts(source, ["hello.txt"], folder / "held", MIB)

    plan = Plan(list(commands), source)
    return UnsandboxedRunner(folder / "jobs", use_cgroups=groups).run(
        plan, limits, lambda chunk: None, lambda: False, collect
    )


def test_a_stage_runs_and_its_folder_is_removed(tmp_path: Path, groups: bool) -> None:
    assert run(tmp_path, "cat hello.txt", groups=groups).succeeded
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
def test_a_limit_stops_a_stage_with_its_reason(
    tmp_path: Path, groups: bool, command: str, reason: str
) -> None:
    seconds = 1 if reason == "time_limit" else 20
    result = run(tmp_path, command, groups=groups, seconds=seconds)
    assert result.reason in ((reason, "command") if reason == "storage_limit" else (reason,))


def test_what_a_command_leaves_running_ends_before_the_next_one(
    tmp_path: Path, groups: bool
) -> None:
    mark = f"32{os.getpid()}"
    leave = f"setsid sleep {mark} & (setsid sleep {mark} &) &"
    # The command itself has the mark in its line, so it looks for another form of it.
    look = f"! pgrep -x -f 'sleep {mark[:3]}[{mark[3]}]{mark[4:]}'"
    result = run(tmp_path, leave, look, leave, groups=groups)
    assert result.succeeded, result
    found = subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False)
    assert found.stdout == b""


def test_a_command_that_hides_its_mark_ends_too_where_control_groups_can_be_made(
    tmp_path: Path,
) -> None:
    possible = create_cgroup(1 << 26, 16)
    if possible is None:
        # Then nothing finds it, and the runner's warning says so.
        assert "can leave processes" in WARNING
        return
    possible.close()
    mark = f"33{os.getpid()}"
    leave = f"setsid sh -c 'env -i sleep {mark} &' </dev/null >/dev/null 2>&1; sleep 0.1"
    assert run(tmp_path, leave, groups=True).succeeded
    found = subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False)
    assert found.stdout == b""
