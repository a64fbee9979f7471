"""Every call of `docs/reference/typed-calls.md`, copied from there and made by `icp`.

One repository is built, approved and released meanwhile, by an approver that has nothing but `icp`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ic.canister import Canister
from ic.identity import Identity

from dcanary.cli.operations.watch import state_of
from dcanary.client.actor import interface_text
from dcanary.client.errors import RefusedError
from dcanary.client.types.pipeline_config import PipelineInput
from tests.docs.test_typed_calls import Call, calls
from tests.e2e.pipelines import counter_files
from tests.e2e.world import EXECUTORS, World, wait_until
from tests.replica.helpers.deploy import agent_of
from tests.replica.helpers.icp import ICP

# Done after the others: they end what those are about.
LATE = ("delete_pipeline", "retry_run")
REFUSED = {
    "deploy_canister": "only what was approved is installed into target counter",
    "upgrade_canister": "only what was approved is installed into target counter",
    "retry_run": "start a new run of the commit with trigger_run",
}
Ask = Callable[..., str]


@pytest.fixture
def icp(world: World, tmp_path: Path) -> Ask:
    """Runs `icp` as a principal of its own."""
    assert ICP.is_file(), "icp is missing: run make setup (from npm, for Linux on x86-64)"
    env = {**os.environ, "ICP_HOME": str(tmp_path / "icp"), "DO_NOT_TRACK": "1"}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [str(ICP), *arguments],
            capture_output=True,
            text=True,
            env=env,
            cwd=tmp_path,
            timeout=120,
        )
        assert done.returncode == 0, f"icp {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    run("identity", "new", "person", "--storage", "plaintext")
    run("identity", "default", "person")
    return run


def test_every_call_to_type_is_made_by_icp(world: World, icp: Ask) -> None:
    person = icp("identity", "principal").strip()
    for canister in ("webhook", "pipeline_config", "build_executor", "deployment"):
        for role in ("Admin", "Operator"):
            getattr(world.system, canister).ask("grant_role", person, role)

    def approved_by_person(definition: PipelineInput) -> None:
        definition["approval"]["approvers"] = [person]

    repository = world.add_repository("counter", counter_files("counter"), adapt=approved_by_person)
    run = world.push(repository)
    assert run == "run-1"
    approval = world.approval_of(run)
    assert approval["approval"] == "approval-1"
    values = {"PRINCIPAL": person, "DIGEST": approval["digest"]}

    def made(call: Call) -> str:
        text = call.arguments
        if call.name.startswith("executor_"):
            text = text.replace("PRINCIPAL", world.executor(EXECUTORS[0]).principal)
        for word, value in values.items():
            text = text.replace(word, value)
        if call.canister == "pipeline_config":
            text = text.replace('"counter"', '"typed"')
        if call.name == "cancel_run":
            text = text.replace("run-1", "run-2")
            # It was started by hand before: its request goes from canister to canister.
            wait_until(lambda: _exists(world, "run-2"), "run-2 on chain")
        return icp(
            *("canister", "call", world.canisters[call.canister], call.method, text),
            *("-n", world.running.url, "-k", world.running.root_key),
        )

    shown = calls()
    assert {call.name for call in shown if call.name in LATE} == set(LATE)
    for call in [one for one in shown if one.name not in LATE]:
        _check(call, made(call))
        if call.name == "approve_deployment":
            released = world.end_of_release(world.release_of("approval-1"))
            assert state_of(released) == "Succeeded", released["state"]
    for call in [one for one in shown if one.name in LATE]:
        _check(call, made(call))


def _exists(world: World, run: str) -> bool | None:
    try:
        world.system.build_executor.get_run(run)
    except RefusedError:
        return None
    return True


def _check(call: Call, answer: str) -> None:
    wanted = REFUSED.get(call.name)
    if wanted is None:
        assert re.search(r"\bOk\b", answer), (call, answer)
        assert not re.search(r"\bErr\b", answer), (call, answer)
    else:
        assert wanted in " ".join(answer.split()), (call, answer)


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_ic_py_types_them_too(world: World) -> None:
    """Its records name every field: what may be left out is an empty list there."""

    def canister(name: str) -> Any:
        agent = agent_of(world.running.url, Identity())
        return Canister(agent, world.canisters[name], interface_text(f"{name}.did"))

    (queue,) = canister("build_executor").queue_status([])
    assert queue["Ok"]["executors"] == len(EXECUTORS)
    (history,) = canister("deployment").deployment_history([], [])
    assert "Ok" in history
    (denied,) = canister("pipeline_config").remove_stage("counter", "build")
    assert "Denied" in denied["Err"]
    (unnamed,) = canister("verification").approve_deployment("approval-1", "", [])
    assert "Invalid" in unnamed["Err"]
