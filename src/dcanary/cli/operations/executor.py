"""Running an executor: its key, its sandbox, its loop."""

from __future__ import annotations

from collections.abc import Callable
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


def start_in_background(
    home: Path, name: str, processes: Processes, *, allow_unsandboxed: bool
) -> Process:
    """Run the executor NAME detached; its output goes to its log."""
    arguments = ["--home", str(home), "executor", "start", name]
    if allow_unsandboxed:
        arguments.append("--allow-unsandboxed")
    return processes.spawn(name, arguments)


def run_executor(
    system: System,
    folder: Path,
    *,
    allow_unsandboxed: bool,
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
