"""Exit codes of `dcanary` against a real installation: 0 done, 1 refused, 2 usage, 3 network.

What is typed wrong without an installation: tests/cli.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dcanary.cli.operations.watch import state_of
from tests.e2e.pipelines import counter_files
from tests.e2e.world import World, unsandboxed, wait_until


@pytest.fixture(scope="module")
def approval(world: World) -> str:
    """A request that waits for its approver."""
    repository = world.add_repository("typed", counter_files("typed"))
    run = world.push(repository)
    return str(world.approval_of(run)["approval"])


def test_what_is_done_exits_with_0(world: World, approval: str) -> None:
    for command in (
        ["system", "status"],
        ["run", "list"],
        ["run", "show", "run-1"],
        ["run", "watch", "run-1"],
        ["approval", "show", approval],
        ["executor", "list"],
        ["delivery", "list", "typed"],
        ["target", "show", "typed"],
        ["pipeline", "show", "typed"],
    ):
        done = world.run(*command)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout.strip()
        as_json = world.run("--json", *command)
        assert as_json.returncode == 0
        json.loads(as_json.stdout)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["run", "show", "run-99"], "NotFound"),
        (["repository", "add", "typed", "--clone-url", "http://example.org/x.git"], "Conflict"),
        (["target", "call", "typed", "get"], "no canister yet"),
        (["release", "show", "release-99"], "NotFound"),
        (["--identity", "stranger", "target", "stop", "typed"], "Denied"),
        (["--identity", "stranger", "executor", "register", "x", "--operator", "eve"], "Denied"),
        (["--identity", "stranger", "approval", "approve", "APPROVAL", "--yes"], "Denied"),
        (["--identity", "anonymous", "approval", "approve", "APPROVAL", "--yes"], "anonymous"),
        (
            ["--identity", "approver", "approval", "approve", "APPROVAL", "--sha256", "0" * 64],
            "sha256",
        ),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else value,
)
def test_what_a_canister_refuses_exits_with_1_and_its_sentence(
    world: World, approval: str, command: list[str], told: str
) -> None:
    words = [approval if word == "APPROVAL" else word for word in command]
    done = world.run(*words)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    if told in ("NotFound", "Conflict", "Denied"):
        assert told not in done.stderr
        assert re.search(r"\b[a-z]+_[a-z]+\b", done.stderr) is None, done.stderr
        in_json = world.run("--json", *words)
        assert in_json.returncode == 1
        assert json.loads(in_json.stderr)["kind"] == told
    else:
        assert told in done.stderr
    pending = world.system.verification.ask("get_approval", approval)
    assert state_of(pending) == "Pending"


def test_what_is_not_right_on_this_machine_exits_with_2(world: World, tmp_path: Path) -> None:
    done = world.run("--identity", "nobody", "run", "list")
    assert done.returncode == 2
    assert "dcanary identity new nobody" in done.stderr
    bad = counter_files("typed")["dcanary.yml"].replace("quorum: 2", "quorum: 9")
    (tmp_path / "dcanary.yml").write_text(bad)
    done = world.run("pipeline", "update", str(tmp_path), "--repository", "typed")
    assert done.returncode == 2
    assert "dcanary.yml:" in done.stderr
    assert "stages.build.quorum" in done.stderr
    assert "Traceback" not in done.stderr
    found = world.system.pipeline_config.ask("get_pipeline_config", "typed")
    assert found["version"] == 1


def test_an_executor_in_the_background_is_up_or_an_error(empty_world: World) -> None:
    world = empty_world
    start = ["executor", "start", "--background", *unsandboxed()]
    world.run("executor", "stop", "alice-1")
    up = world.run(*start, "alice-1")
    assert up.returncode == 0, up.stderr
    pid = re.search(r"pid +(\d+)", up.stdout)
    assert pid is not None
    log = (world.home / "processes" / "alice-1.log").read_text()
    assert "offering 1 slots" in log
    again = world.run(*start, "alice-1")
    assert again.returncode == 1
    assert f"alice-1 runs already: pid {pid[1]}" in again.stderr
    unknown = world.run(*start, "nobody-1")
    assert unknown.returncode == 1
    # In lines as wide as the terminal.
    assert "is not a registered executor" in " ".join(unknown.stderr.split())
    assert world.run("executor", "stop", "nobody-1").stdout == "nobody-1 was not running\n"
    assert world.run("executor", "stop", "alice-1").stdout == "alice-1 is stopped\n"


def test_a_network_that_is_gone_exits_with_3_and_works_again_when_it_is_back(
    empty_world: World,
) -> None:
    world = empty_world
    world.add_repository("gone", counter_files("gone"))
    port = world.kill_network()
    for command in (["run", "list"], ["network", "status"], ["system", "status"]):
        done = world.run(*command)
        assert done.returncode == 3, (command, done.stderr)
        assert "dcanary network start" in done.stderr
        assert "Traceback" not in done.stderr
    as_json = world.run("--json", "run", "list")
    assert as_json.returncode == 3
    assert json.loads(as_json.stderr)["error"] == "network"
    done = world.run("network", "start", "--port", str(port))
    assert done.returncode == 0, done.stderr
    wait_until(lambda: world.run("repository", "show", "gone").returncode == 0, "the network")
    world.run("network", "stop")
