"""Measures one run from the push to the installed canister, with three executors."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.figures import Phase, WholeRun
from bench.installation import Installation, wait_for
from dcanary.cli.demo.examples import EXAMPLES, make_working_copy, push
from dcanary.cli.operations import executor as executor_operations
from dcanary.cli.operations import forge as forge_operations
from dcanary.cli.operations.register import webhook_url
from dcanary.cli.operations.secrets import new_secret_file
from dcanary.cli.operations.watch import (
    BUILT_RUN,
    describe,
    state_of,
    wait_for_release,
    wait_for_run,
)
from dcanary.cli.orders.digest import checked_digest
from dcanary.client.errors import ClientError
from dcanary.client.system import System
from dcanary.client.types.build_executor import Run
from dcanary.client.types.deployment import Release
from dcanary.client.types.verification import Approval, Round
from dcanary.client.types.webhook import Delivery
from dcanary.executor.sandbox import probe_sandbox

EXAMPLE = EXAMPLES["counter-motoko"]
STAGE = "build"
OPERATORS = ("alice", "bob", "carol")
STEP_SECONDS = 60.0
RUN_SECONDS = 150.0
SECOND_NS = 1_000_000_000


def measure(installation: Installation) -> WholeRun:
    """Raises ClientError when the run does not end with the agreed module installed."""
    folder = _prepare(installation)
    installation.progress(f"a run of {EXAMPLE.name} with {len(OPERATORS)} executors")
    before = installation.instructions()
    processor = _processor_seconds(installation.running.pid)
    begun = time.monotonic()
    sha = push(folder)
    delivery = wait_for(lambda: _delivery(installation, sha), "the delivery", STEP_SECONDS)
    run = _succeeded(installation, delivery["run"])
    approval, release = _release(installation, run)
    wall = time.monotonic() - begun
    processor = _processor_seconds(installation.running.pid) - processor
    after = installation.instructions()
    voted = installation.system.verification.get_round(run["run"], STAGE)
    phases = phases_of(delivery, run, voted, approval, release)
    return WholeRun(EXAMPLE.name, wall, processor, phases, before, after)


def phases_of(
    delivery: Delivery,
    run: Run,
    voted: Round,
    approval: Approval,
    release: Release,
) -> list[Phase]:
    """The run's wall time, cut by the times that the canisters recorded."""
    assert voted["verdict"] is not None
    cuts = [
        ("delivery accepted, run queued", run["created_ns"], False),
        ("leased, cloned, built and sealed by all executors", _sealed(voted), True),
        ("revealed, verdict", voted["verdict"]["decided_ns"], False),
        ("agreed bytes stored, approval requested", approval["created_ns"], False),
        ("approved", approval["votes"][-1]["at_ns"], False),
        ("fetched, created, installed, checked", release["updated_ns"], False),
    ]
    phases = []
    last = delivery["received_ns"]
    for name, until, building in cuts:
        phases.append(Phase(name, max(0, until - last) / SECOND_NS, building))
        last = max(last, until)
    return phases


def _sealed(voted: Round) -> int:
    return int(max(vote["committed_ns"] for vote in voted["votes"]))


def _prepare(installation: Installation) -> Path:
    """Forge, executors and repository, as the demo has them; the working copy to push from."""
    home = installation.home
    forge = installation.processes.spawn("forge", ["--home", str(home), "forge", "start"])

    def forge_runs() -> str | None:
        installation.processes.require(forge)
        return forge_operations.running_url(home / "forge")

    wait_for(forge_runs, "the forge", STEP_SECONDS)
    _start_executors(installation)
    clone_url = forge_operations.create_repository(home / "forge", EXAMPLE.name)
    secret = new_secret_file(home / "secrets" / f"{EXAMPLE.name}.webhook")
    url = webhook_url(installation.config, "github", EXAMPLE.name)
    forge_operations.set_webhook(home / "forge", EXAMPLE.name, url, secret)
    folder = home / "work" / EXAMPLE.name
    make_working_copy(EXAMPLE, folder, clone_url)
    installation.register(EXAMPLE.name, clone_url, secret, folder)
    wait_for(
        lambda: installation.system.webhook.get_repository(EXAMPLE.name)["triggers"],
        "the triggers",
        STEP_SECONDS,
    )
    wait_for(lambda: _all_look_for_work(installation), "the executors", STEP_SECONDS)
    return folder


def _start_executors(installation: Installation) -> None:
    probe = probe_sandbox()
    arguments = [] if probe.sandbox is not None else ["--allow-unsandboxed"]
    if arguments:
        installation.progress(f"builds run WITHOUT a sandbox: {probe.reason}")
    for operator in OPERATORS:
        identity = executor_operations.executor_identity(installation.home / "executors", operator)
        installation.system.build_executor.register_executor(
            {
                "executor": identity.principal,
                "operator": operator,
                "runtimes": [{"Motoko": None}],
            },
        )
        command = ["--home", str(installation.home), "executor", "start", operator, *arguments]
        installation.processes.spawn(operator, command)


def _all_look_for_work(installation: Installation) -> bool:
    """Whether the executors' start-up is over: it is no part of a run."""
    started = 0
    for process in installation.processes.listed():
        installation.processes.require(process)
        if process.name in OPERATORS:
            started += "executor " in process.log.read_text(errors="replace")
    return started == len(OPERATORS)


def _delivery(installation: Installation, sha: str) -> Delivery | None:
    page = installation.system.webhook.list_deliveries(EXAMPLE.name, {"cursor": None, "limit": 20})
    for item in page["items"]:
        if item["sha"] == sha:
            if item["run"] is None:
                raise ClientError(f"the push of {sha} was {describe(item['state'])}")
            return item
    return None


def _succeeded(installation: Installation, name: str) -> Run:
    system = installation.system
    wait_for(lambda: system.build_executor.get_run(name), name, STEP_SECONDS)
    run = wait_for_run(system, name, RUN_SECONDS, lambda line: None)
    if state_of(run) not in BUILT_RUN:
        raise ClientError(f"{name} ended as {describe(run['state'])}")
    return run


def _release(installation: Installation, run: Run) -> tuple[Approval, Release]:
    """The approval and the release that it started, both at their end."""
    system = installation.system
    name = wait_for(
        lambda: system.build_executor.get_run(run["run"])["approval"],
        "the approval request",
        STEP_SECONDS,
    )
    asked = system.verification.get_approval(name)
    approver = System(installation.config, installation.approver)
    try:
        approver.verification.decide_approval(
            {
                "approval": name,
                "digest": checked_digest(asked),
                "approve": True,
                "comment": "measured",
            },
        )
    finally:
        approver.close()
    release = wait_for(
        lambda: system.verification.get_approval(name)["release"],
        "the release",
        STEP_SECONDS,
    )
    released = wait_for_release(system, release, STEP_SECONDS, lambda line: None)
    return system.verification.get_approval(name), released


def _processor_seconds(pid: int) -> float:
    """Processor time of a process and of the children it has waited for (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
