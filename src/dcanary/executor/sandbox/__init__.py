"""Confinement of stages: what they may use, see and leave behind."""

from dcanary.executor.sandbox.bubblewrap import BubblewrapSandbox
from dcanary.executor.sandbox.model import (
    ArtifactError,
    Bind,
    Limits,
    Plan,
    Sandbox,
    SandboxError,
    StageResult,
)
from dcanary.executor.sandbox.probe import INSTALL_LINE, SandboxProbe, probe_sandbox
from dcanary.executor.sandbox.protect import close_process
from dcanary.executor.sandbox.unsandboxed import WARNING, UnsandboxedRunner

__all__ = [
    "INSTALL_LINE",
    "WARNING",
    "ArtifactError",
    "Bind",
    "BubblewrapSandbox",
    "Limits",
    "Plan",
    "Sandbox",
    "SandboxError",
    "SandboxProbe",
    "StageResult",
    "UnsandboxedRunner",
    "close_process",
    "probe_sandbox",
]
