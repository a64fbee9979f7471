"""Stages that fail and stages that are hostile: the run fails with the reason, the executors live.

What the sandbox stops, kind by kind: tests/agent/sandbox.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.operations.watch import state_of
from tests.e2e.pipelines import ARTIFACT, DECODE, counter_files, pipeline
from tests.e2e.world import EXECUTORS, World

HOSTILE: dict[str, tuple[str, dict[str, Any], str]] = {
    # name: (command, limits, reason)
    "loops-forever": ("while :; do :; done", {"timeout": "2s"}, "time_limit"),
    "fills-the-disk": (
        "head -c 200M /dev/zero > big",
        {"storage": "16MiB"},
        "storage_limit",
    ),
    "prints-too-much": ("yes | head -c 1G", {"output": "64KiB"}, "output_limit"),
    "forks": (
        "f() { f | f & }; f; sleep 20",
        {"processes": 16, "timeout": "20s"},
        "process_limit",
    ),
    "takes-all-memory": (
        "head -c 400M /dev/zero | tail -n 1 | wc",
        {"memory": "64MiB"},
        "memory_limit",
    ),
    "links-out": (f"mkdir build; ln -s /etc/passwd {ARTIFACT}", {}, "artifact"),
}


def assert_nothing_was_asked(world: World, run: str) -> None:
    found = world.get_run(run)
    assert found is not None
    assert found["approval"] is None
    page = {"cursor": None, "limit": 100}
    approvals = world.system.verification.ask("list_approvals", page)["items"]
    assert run not in [each["request"]["run"] for each in approvals]


def test_a_stage_that_fails_fails_the_run_with_the_reason_and_nothing_is_asked(
    world: World,
) -> None:
    files = counter_files("failing", commands=["echo about to fail", "exit 3"])
    repository = world.add_repository("failing", files)
    run = world.push(repository)
    found = world.end_of_run(run)
    assert state_of(found) == "Failed"
    assert "command" in found["state"]["Failed"]
    assert_nothing_was_asked(world, run)
    shown = world.run("run", "log", f"{run}/build/0")
    assert shown.returncode == 0, shown.stderr
    assert "about to fail" in shown.stdout
    watched = world.run("run", "watch", run)
    assert watched.returncode == 1
    # The next commit mends it.
    repository.commit({"dcanary.yml": counter_files("failing")["dcanary.yml"]})
    approver = ("--approver", world.approver.principal)
    folder = str(repository.folder)
    done = world.run("pipeline", "update", folder, "--repository", "failing", *approver)
    assert done.returncode == 0, done.stderr
    assert state_of(world.end_of_build(world.push(repository))) == "Approving"


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_hostile_stage_is_stopped_by_its_limit_and_the_run_fails_with_that_reason(
    world: World, kind: str
) -> None:
    command, limits, reason = HOSTILE[kind]
    text = pipeline(kind, [command], **limits)
    run = world.push(world.add_repository(kind, {"dcanary.yml": text}))
    found = world.end_of_run(run)
    assert state_of(found) == "Failed", found["state"]
    assert reason in found["state"]["Failed"]
    assert_nothing_was_asked(world, run)


def test_a_stage_finds_no_network_and_no_link_out_of_its_checkout(world: World) -> None:
    """Sandboxed executors only; without a sandbox there is nothing to show."""
    commands = [
        # Only the loopback, and nothing of the host listens on it: not the forge, not the network.
        'test "$(ls /sys/class/net 2>/dev/null | grep -vc "^lo$" || true)" = 0',
        f"! (exec 3<>/dev/tcp/127.0.0.1/{world.running.url.rpartition(':')[2]}) 2>/dev/null",
        f"ln -s / root; ! test -e root/{world.home}; ! test -e root{Path.home()}",
        DECODE,
    ]
    log = world.log(EXECUTORS[0])
    if "WARNING" in log:
        pytest.skip("builds are not sandboxed on this machine")
    commands[1] = f"bash -c '{commands[1]}'"
    run = world.push(world.add_repository("inside", counter_files("inside", commands=commands)))
    found = world.end_of_build(run)
    assert state_of(found) == "Approving", world.run("run", "log", f"{run}/build/0").stdout


def test_executors_work_on_after_all_of_that(world: World) -> None:
    for name in EXECUTORS[:3]:
        assert world.processes[name].poll() is None, world.log(name)
    run = world.push(world.add_repository("after", counter_files("after")))
    found = world.end_of_build(run)
    assert state_of(found) == "Approving", found["state"]
    assert len(world.round(run)["votes"]) >= 2
