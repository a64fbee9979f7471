"""The sandbox of this machine, for whoever performs stages on it."""

from __future__ import annotations

from pathlib import Path

from dcanary.client.errors import ClientError
from dcanary.executor.sandbox import WARNING, Sandbox, UnsandboxedRunner, probe_sandbox


class SandboxUnavailable(ClientError):
    """Builds cannot be confined on this machine, and nobody allowed them to run unconfined."""

    error = "sandbox"


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
