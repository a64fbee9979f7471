"""Running an executor: its key, its sandbox, its loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations.processes import Process, Processes
from dcanary.client.chain import SystemChain
from dcanary.client.errors import ClientError
from dcanary.client.identity import Identity, create_identity, load_identity
from dcanary.client.system import System
from dcanary.executor import Executor, ExecutorConfig, RuntimeUnavailable, StateError
from dcanary.executor.sandbox import (
    WARNING,
    Sandbox,
    UnsandboxedRunner,
    close_process,
    probe_sandbox,
)
from dcanary.wasm import ensure_template

POLL_SECONDS = 0.5


class SandboxUnavailable(ClientError):
    """Builds cannot be confined on this machine, and nobody allowed them to run unconfined."""

    error = "sandbox"


def executor_identity(folder: Path, name: str) -> Identity:
    """The key of the executor NAME, made the first time."""
    path = folder / name / "key.pem"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return load_identity(path) if path.exists() else create_identity(path)


def require_sandbox(folder: Path, allow_unsandboxed: bool) -> Sandbox:
    """The sandbox, or (only when allowed) none. Raises SandboxUnavailable."""
    probe = probe_sandbox()
    if probe.sandbox is not None:
        return probe.sandbox
    if allow_unsandboxed:
        return UnsandboxedRunner(folder)
    raise SandboxUnavailable(
        f"builds cannot be sandboxed here: {probe.reason}",
        f"--allow-unsandboxed runs them anyway; {WARNING}",
    )


@dataclass(frozen=True)
class Offering:
    """What the person who starts an executor lets it offer. See ExecutorConfig for the fields."""

    slots: int = 1
    memory_bytes: int | None = None
    allow_network: bool = False
    region: str = ""
    labels: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """The options of `executor start` that say the same."""
        found = ["--slots", str(self.slots)]
        if self.memory_bytes is not None:
            found += ["--memory", f"{self.memory_bytes}B"]
        if self.allow_network:
            found.append("--allow-network")
        if self.region:
            found += ["--region", self.region]
        for label in self.labels:
            found += ["--label", label]
        return found


def start_in_background(
    home: Path,
    name: str,
    processes: Processes,
    *,
    allow_unsandboxed: bool,
    offering: Offering = Offering(),
) -> Process:
    """Run the executor NAME detached; its output goes to its log."""
    arguments = ["--home", str(home), "executor", "start", name, *offering.arguments()]
    if allow_unsandboxed:
        arguments.append("--allow-unsandboxed")
    return processes.spawn(name, arguments)


def run_executor(
    system: System,
    folder: Path,
    *,
    allow_unsandboxed: bool,
    offering: Offering,
    once: bool,
    progress: Callable[[str], None],
) -> None:
    """Work until a signal, or once. Raises ClientError when it cannot begin."""
    close_process()
    sandbox = require_sandbox(folder / "builds", allow_unsandboxed)
    if isinstance(sandbox, UnsandboxedRunner):
        progress(f"WARNING: {WARNING}")
    config = ExecutorConfig(
        folder=folder / "state",
        sandbox=sandbox,
        template=ensure_template,
        allow_network=offering.allow_network,
        slots=offering.slots,
        memory_bytes=offering.memory_bytes,
        region=offering.region,
        labels=offering.labels,
        poll_seconds=POLL_SECONDS,
        report=progress,
    )
    try:
        executor = Executor(SystemChain(system), config)
        progress(f"executor {system.connection.sender} of {system.config.network.url}")
        executor.prepare()
        if once:
            executor.run_once()
            executor.close()
        else:
            executor.run_forever()
    except (RuntimeUnavailable, StateError) as error:
        raise UsageTrouble(str(error)) from None
