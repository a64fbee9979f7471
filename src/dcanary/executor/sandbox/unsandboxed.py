"""Stages without a sandbox: only for people who run nothing but their own repositories.

Commands see the whole machine with the rights of the executor. Never chosen without explicit
consent. Between commands the executor kills what it finds of the last one: by control group where
it can make one, else by descent and by a mark in the environment. A process that leaves its group
(as root may), or its parents and its mark, is not found; `WARNING` says so.
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

from dcanary.executor.sandbox.arguments import sandbox_environment
from dcanary.executor.sandbox.bubblewrap import OPEN_FILES
from dcanary.executor.sandbox.cgroup import Cgroup, create_cgroup, take_cpu
from dcanary.executor.sandbox.child import Child
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
from dcanary.executor.sandbox.supervise import Tree, supervise
from dcanary.executor.sandbox.usage import Usage, Used, kill_all, processes_of, tree_usage

WARNING = (
    "builds run without a sandbox: a build can read and write all that you can, has the network, "
    "can use the executor's key, can stop or change this executor, and can leave processes that "
    "change the results of later builds"
)
_COOKIE = "DCANARY_JOB"


class UnsandboxedRunner:
    """Runs stages as plain processes in a temporary folder below `folder`."""

    name = "unsandboxed"

    def __init__(self, folder: Path, *, use_cgroups: bool = True) -> None:
        self._folder, self._use_cgroups = folder, use_cgroups

    def run(
        self, plan: Plan, limits: Limits, output: Output, stop: Stop, collect: Collect
    ) -> StageResult:
        """See `Sandbox.run`. A stage that wants no network still has it: there is no sandbox."""
        if plan.root is not None:
            raise SandboxError(
                "images are not supported without a sandbox: commands would see this machine's "
                "files and not the image's"
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="job-", dir=self._folder))
        except OSError as error:
            raise SandboxError(f"no folder for the job can be made: {error}") from error
        group = None
        if self._use_cgroups:
            group = create_cgroup(limits.memory_bytes, limits.processes + 1)
        try:
            cage = _PlainCage(folder, plan, limits, group)
            return supervise(cage, plan, limits, output, stop, collect)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class _PlainCage:
    """See `Cage`."""

    def __init__(self, folder: Path, plan: Plan, limits: Limits, group: Cgroup | None) -> None:
        self.used = Used()
        self._folder, self._plan, self._limits, self._group = folder, plan, limits, group
        self._cookie = f"{_COOKIE}={secrets.token_hex(16)}"
        self._tree: _PlainTree | None = None
        self._next_measure = 0.0
        self._stored_bytes = 0

    @property
    def source(self) -> str:
        """See `Cage.source`."""
        return str(self._folder / "source")

    def start(self, program: Sequence[str], stdin: int) -> Tree:
        """See `Cage.start`."""
        join = "".join(f'echo $$ > "{file}" && ' for file in self._joined())
        process = subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                f'{join}exec "$@"',
                "sh",
                "prlimit",
                f"--fsize={self._limits.storage_bytes}",
                f"--nofile={OPEN_FILES}",
                "--core=0",
                "setpriv",
                "--pdeathsig=KILL",
                *program,
            ],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd="/",
            start_new_session=True,
        )
        self._tree = _PlainTree(Child(process), self._cookie, self._group, self.used)
        return self._tree

    def violation(self) -> tuple[str, str] | None:
        """See `Cage.violation`."""
        usage, stored_bytes = self._usage(), self._measure()
        self.used.note(usage, stored_bytes)
        limits, group = self._limits, self._group
        if usage.memory_bytes > limits.memory_bytes or (group and group.out_of_memory()):
            return MEMORY_LIMIT, f"used more than {limits.memory_bytes} bytes of memory"
        if usage.tasks > limits.processes or (group and group.out_of_tasks()):
            return PROCESS_LIMIT, f"ran more than {limits.processes} processes and threads"
        if stored_bytes > limits.storage_bytes:
            return STORAGE_LIMIT, f"wrote more than {limits.storage_bytes} bytes of files"
        return None

    def open_source(self) -> int:
        """See `Cage.open_source`."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self._folder / "source", flags)

    def close(self) -> None:
        """See `Cage.close`. The folder is removed by `run`."""
        if self._group is not None:
            self._group.close()

    def _environment(self) -> Mapping[str, str]:
        name, _, value = self._cookie.partition("=")
        return {
            **self._plan.secrets,
            **sandbox_environment(self._plan),
            "HOME": str(self._folder / "home"),
            "TMPDIR": str(self._folder / "tmp"),
            "PWD": self.source,
            name: value,
        }

    def _joined(self) -> Sequence[Path]:
        return self._group.procs_files if self._group else ()

    def _usage(self) -> Usage:
        if self._group is not None:
            with contextlib.suppress(OSError, ValueError):
                return self._group.usage(0)
        if self._tree is None:
            return Usage(0, 0)
        usage = tree_usage(self._tree.child.process.pid, self._cookie)
        self._tree.seen_cpu_ns = max(self._tree.seen_cpu_ns, usage.cpu_ns)
        return usage

    def _measure(self) -> int:
        # Walking costs time that grows with the folder, so it gets a tenth of the time at most.
        now = time.monotonic()
        if now >= self._next_measure:
            self._stored_bytes = _folder_bytes(self._folder)
            self._next_measure = now + 10 * (time.monotonic() - now)
        return self._stored_bytes


class _PlainTree:
    """One command and what is found of the processes that it has started."""

    def __init__(self, child: Child, cookie: str, group: Cgroup | None, used: Used) -> None:
        self.child, self.seen_cpu_ns = child, 0
        self._cookie, self._group, self._used = cookie, group, used

    def began(self) -> bool:
        """See `Tree.began`. There is nothing between the executor and the command."""
        return True

    def end(self) -> None:
        """See `Tree.end`."""
        # The first process goes last: its descendants are found by it.
        first = self.child.process.pid
        ended = kill_all(lambda: [pid for pid in self._found() if pid != first])
        self.child.kill()
        if self._group is not None:
            ended = self._group.kill_all() and ended
        if not (kill_all(self._found) and ended):
            raise SandboxError("processes of the stage cannot be ended")
        take_cpu(self._used, self._group, self.child, self.seen_cpu_ns)

    def _found(self) -> list[int]:
        return [process.pid for process in processes_of(self.child.process.pid, self._cookie)]


def _folder_bytes(folder: Path) -> int:
    total = 0
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118 - faster
    return total
