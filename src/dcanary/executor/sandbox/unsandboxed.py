"""Stages without a sandbox: only for people who run nothing but their own repositories.

Commands see the whole machine with the rights of the executor. Limits still hold, but disk, memory
and processes are watched and not enforced by the kernel. Never chosen without explicit consent.
"""

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dcanary.executor.sandbox import launcher
from dcanary.executor.sandbox.bubblewrap import OPEN_FILES, sandbox_environment
from dcanary.executor.sandbox.model import (
    MEMORY_LIMIT,
    PROCESS_LIMIT,
    STORAGE_LIMIT,
    Collect,
    Limits,
    Output,
    Plan,
    SandboxError,
    StageResult,
    Stop,
)
from dcanary.executor.sandbox.supervise import supervise
from dcanary.executor.sandbox.usage import kill_others, processes_of, tree_usage

_COOKIE = "DCANARY_JOB"
_OWN_TASKS = 1


class UnsandboxedRunner:
    """Runs stages as plain processes in a temporary folder below `folder`."""

    name = "unsandboxed"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(
        self, plan: Plan, limits: Limits, output: Output, stop: Stop, collect: Collect
    ) -> StageResult:
        """See `Sandbox.run`. A stage that wants no network still has it: there is no sandbox."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="job-", dir=self._folder))
        except OSError as error:
            raise SandboxError(f"no folder for the job can be made: {error}") from error
        try:
            cage = _PlainCage(folder, plan, limits)
            return supervise(cage, plan, limits, output, stop, collect)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class _PlainCage:
    def __init__(self, folder: Path, plan: Plan, limits: Limits) -> None:
        self.peak_memory_bytes = 0
        self._folder, self._plan, self._limits = folder, plan, limits
        self._cookie = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._next_measure = 0.0
        self._stored_bytes = 0

    def argv(self) -> Sequence[str]:
        return [
            "prlimit",
            f"--fsize={self._limits.storage_bytes}",
            f"--nofile={OPEN_FILES}",
            "--core=0",
            "setpriv",
            "--pdeathsig=KILL",
            "/bin/sh",
            "-c",
            launcher.SCRIPT,
            "sh",
            str(self._folder / "source"),
            *self._plan.commands,
        ]

    def environment(self) -> Mapping[str, str]:
        found = sandbox_environment(self._plan)
        return {
            **found,
            "HOME": str(self._folder / "home"),
            "TMPDIR": str(self._folder / "tmp"),
            "PWD": str(self._folder / "source"),
            _COOKIE: self._cookie,
        }

    def pass_fds(self) -> tuple[int, ...]:
        return ()

    def started(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def violation(self) -> tuple[str, str] | None:
        if self._process is None:
            return None
        usage = tree_usage(self._process.pid, f"{_COOKIE}={self._cookie}")
        self.peak_memory_bytes = max(self.peak_memory_bytes, usage.memory_bytes)
        limits = self._limits
        if usage.memory_bytes > limits.memory_bytes:
            return MEMORY_LIMIT, f"used more than {limits.memory_bytes} bytes of memory"
        if usage.tasks - _OWN_TASKS > limits.processes:
            return PROCESS_LIMIT, f"ran more than {limits.processes} processes and threads"
        if self._measure() > limits.storage_bytes:
            return STORAGE_LIMIT, f"wrote more than {limits.storage_bytes} bytes of files"
        return None

    def settle(self) -> None:
        kill_others(lambda: self._processes()[1:])

    def _processes(self) -> list[int]:
        """The job's processes, the launcher first, if it still runs."""
        if self._process is None:
            return []
        launcher = self._process.pid
        pids = processes_of(launcher, f"{_COOKIE}={self._cookie}")
        return sorted(pids, key=lambda pid: pid != launcher)

    def open_source(self) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self._folder / "source", flags)

    def kill(self) -> None:
        if self._process is not None:
            kill_others(self._processes)

    def close(self) -> None:
        """Nothing is held but the folder, which `run` removes."""

    def _measure(self) -> int:
        # Walking costs time that grows with the folder, so it gets a tenth of the time at most.
        now = time.monotonic()
        if now >= self._next_measure:
            self._stored_bytes = _folder_bytes(self._folder)
            self._next_measure = now + 10 * (time.monotonic() - now)
        return self._stored_bytes


def _folder_bytes(folder: Path) -> int:
    total = 0
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118
    return total
