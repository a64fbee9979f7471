"""The sandbox of untrusted stages: Linux namespaces by way of `bwrap` (bubblewrap).

Inside there is no network, no home, no device but the harmless ones, and nothing of the host but
read-only tool folders. All that can be written is one tmpfs of `storage_bytes`, so the disk limit
is the kernel's. It lasts for the stage; everything else of the sandbox, above all its user and
process namespace, lasts for one command. Process and memory limits are a control group's where one
can be made; elsewhere the executor watches, and RLIMIT_NPROC inside the user namespace stops fork
bombs.
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from dcanary.executor.sandbox.arguments import bubblewrap_arguments, etc_bind, secret_arguments
from dcanary.executor.sandbox.cgroup import Cgroup, create_cgroup, take_cpu
from dcanary.executor.sandbox.child import Child
from dcanary.executor.sandbox.filesystem import MAX_INODES, StageFileSystem
from dcanary.executor.sandbox.model import (
    MEMORY_LIMIT,
    PROCESS_LIMIT,
    SOURCE,
    STORAGE_LIMIT,
    Bind,
    Collect,
    Limits,
    Output,
    Plan,
    SandboxError,
    StageResult,
    Stop,
)
from dcanary.executor.sandbox.seccomp import stage_filter
from dcanary.executor.sandbox.supervise import Tree, supervise
from dcanary.executor.sandbox.usage import KILL_SECONDS, Usage, Used, tree_usage

OPEN_FILES = 4_096
_FULL_BYTES = 64 * 1_024
_STATUS_SECONDS = 10.0
# Tasks of a tree that are ours and not the stage's: bwrap outside, and its init inside.
_OWN_TASKS = 2
# The kernel's bound lies over the watched one, so that a stage that passes the latter is seen
# there for a while; a control group counts its refusals, and needs no such room.
_NPROC_FACTOR, _NPROC_ROOM = 2, 32


class BubblewrapSandbox:
    """Runs stages with the `bwrap` program at `program`.

    `disable_userns` and `filter_calls` are for machines and tests where these cannot be had.
    """

    name = "bubblewrap"

    def __init__(
        self,
        program: str = "bwrap",
        *,
        use_cgroups: bool = True,
        disable_userns: bool = True,
        filter_calls: bool = True,
    ) -> None:
        self._program, self._use_cgroups = program, use_cgroups
        self._disable_userns, self._filter_calls = disable_userns, filter_calls

    def run(
        self, plan: Plan, limits: Limits, output: Output, stop: Stop, collect: Collect
    ) -> StageResult:
        """See `Sandbox.run`."""
        try:
            calls = stage_filter() if self._filter_calls else b""
        except OSError as error:
            raise SandboxError(f"the sandbox does not start: {error}") from error
        program = shutil.which(self._program)
        if program is None:
            raise SandboxError(f"the sandbox does not start: {self._program} is not installed")
        group = None
        if self._use_cgroups:
            # tmpfs pages are charged to the group too, so storage has its room there.
            room = limits.memory_bytes + limits.storage_bytes
            group = create_cgroup(room, limits.processes + _OWN_TASKS + 1)
        try:
            # The program, too, may be where only root reaches it.
            image = () if plan.root is None else (Bind(plan.root, ""),)
            given = (Bind(Path(program), ""), *image, etc_bind(), *plan.binds)
            files = StageFileSystem(limits.storage_bytes, given)
        except SandboxError:
            if group is not None:
                group.close()
            raise
        reached, *binds = files.binds
        root = binds.pop(0).host if image else None
        try:
            options = bubblewrap_arguments(
                plan,
                limits,
                files.build,
                binds,
                disable_userns=self._disable_userns,
                # Where nested namespaces can be made, they are mapped through /proc.
                protect_memory=self._disable_userns or self._filter_calls,
                root=root,
            )
        except SandboxError:
            files.close()
            if group is not None:
                group.close()
            raise
        cage = _BubblewrapCage(
            [str(reached.host), *options], limits, files, group, calls, secret_arguments(plan)
        )
        return supervise(cage, plan, limits, output, stop, collect)


class _BubblewrapCage:
    """See `Cage`."""

    source = SOURCE

    def __init__(
        self,
        bubblewrap: Sequence[str],
        limits: Limits,
        files: StageFileSystem,
        group: Cgroup | None,
        calls: bytes,
        secrets: bytes,
    ) -> None:
        self.used = Used()
        self._bubblewrap, self._limits = tuple(bubblewrap), limits
        self._files, self._group, self._calls = files, group, calls
        self._secrets = secrets
        self._tree: _BubblewrapTree | None = None

    def start(self, program: Sequence[str], stdin: int) -> Tree:
        """See `Cage.start`."""
        self._files.restore()
        # One line of shell joins the control group before anything else exists in it.
        join = "".join(f'echo $$ > "{file}" && ' for file in self._joined())
        status_read, status_write = os.pipe()
        printed_read, printed_write = os.pipe()
        self._files.give(printed_write)
        inherited = [status_write]
        options = ["--json-status-fd", str(status_write)]
        if self._calls:
            inherited.append(_memory_file(self._calls))
            options += ["--seccomp", str(inherited[-1])]
        if self._secrets:
            inherited.append(_memory_file(self._secrets))
            options += ["--args", str(inherited[-1])]
        try:
            process = subprocess.Popen(
                [
                    "/bin/sh",
                    "-c",
                    f'{join}exec "$@"',
                    "sh",
                    *self._files.enter(),
                    *self._bubblewrap,
                    *options,
                    "--",
                    "/usr/bin/prlimit",
                    f"--nproc={_NPROC_FACTOR * self._limits.processes + _NPROC_ROOM}",
                    f"--nofile={OPEN_FILES}",
                    "--core=0",
                    "--",
                    *program,
                ],
                stdin=stdin,
                stdout=printed_write,
                stderr=subprocess.STDOUT,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                cwd="/",
                pass_fds=inherited,
                start_new_session=True,
            )
        except OSError:
            os.close(status_read)
            os.close(printed_read)
            raise
        finally:
            for descriptor in (*inherited, printed_write):
                os.close(descriptor)
        process.stdout = os.fdopen(printed_read, "rb")
        self._tree = _BubblewrapTree(Child(process), status_read, self._group, self.used)
        return self._tree

    def violation(self) -> tuple[str, str] | None:
        """See `Cage.violation`."""
        limits = self._limits
        space = self._files.space()
        full = None
        if space.f_bavail * space.f_frsize < _FULL_BYTES:
            full = f"wrote more than {limits.storage_bytes} bytes of files"
        elif space.f_ffree == 0:
            full = f"made more than {MAX_INODES} files"
        stored_bytes = (space.f_blocks - space.f_bfree) * space.f_frsize
        usage = self._usage(stored_bytes)
        self.used.note(usage, stored_bytes)
        if usage.memory_bytes > limits.memory_bytes or (
            self._group and self._group.out_of_memory()
        ):
            return MEMORY_LIMIT, f"used more than {limits.memory_bytes} bytes of memory"
        if usage.tasks - _OWN_TASKS > limits.processes or (
            self._group and self._group.out_of_tasks()
        ):
            return PROCESS_LIMIT, f"ran more than {limits.processes} processes and threads"
        return (STORAGE_LIMIT, full) if full else None

    def open_source(self) -> int:
        """See `Cage.open_source`."""
        # The stage owns /build and may have put a link where the source was.
        return self._files.open_folder(Path(SOURCE).name)

    def close(self) -> None:
        """See `Cage.close`."""
        self._files.close()
        if self._group is not None:
            self._group.close()

    def _joined(self) -> Sequence[Path]:
        return self._group.procs_files if self._group else ()

    def _usage(self, stored_bytes: int) -> Usage:
        if self._group is not None:
            with contextlib.suppress(OSError, ValueError):
                return self._group.usage(stored_bytes)
        if self._tree is None:
            return Usage(0, 0)
        usage = tree_usage(self._tree.child.process.pid)
        self._tree.seen_cpu_ns = max(self._tree.seen_cpu_ns, usage.cpu_ns)
        return usage


class _BubblewrapTree:
    """One command: bwrap, its init as the first process of a process namespace, and the rest.

    `bwrap` writes one JSON document a line to the status pipe: the init's process id, and later
    that the sandbox was complete. Nothing inside has that pipe: bwrap closes it in the init.
    """

    def __init__(self, child: Child, status: int, group: Cgroup | None, used: Used) -> None:
        self.child, self.seen_cpu_ns = child, 0
        self._status, self._group, self._used = status, group, used
        self._said = b""
        os.set_blocking(status, False)

    def began(self) -> bool:
        """See `Tree.began`."""
        return "exit-code" in self._read_status()

    def end(self) -> None:
        """See `Tree.end`."""
        try:
            init = self._open_init()
            if init is not None:
                try:
                    _kill(init)
                finally:
                    os.close(init)
            self.child.kill()
        finally:
            os.close(self._status)
        if self._group is not None and not self._group.kill_all():
            raise SandboxError("processes of the stage cannot be ended")
        take_cpu(self._used, self._group, self.child, self.seen_cpu_ns)

    def _open_init(self) -> int | None:
        """A pidfd of the init; None when it has ended. Its death is that of all inside."""
        deadline = time.monotonic() + _STATUS_SECONDS
        while "child-pid" not in (status := self._read_status()):
            # bwrap writes the id before anything runs inside; when it died without, nothing does.
            if self.child.poll() is not None and "child-pid" not in self._read_status():
                return None
            if time.monotonic() > deadline:
                # Then only bwrap exists, waiting for something: what it makes dies with it.
                return None
            time.sleep(0.001)
        with contextlib.suppress(ProcessLookupError):
            opened = os.pidfd_open(int(status["child-pid"]))
            if _is_first_of_a_namespace(opened):
                return opened
            os.close(opened)
        return None

    def _read_status(self) -> dict[str, int]:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._status, 4_096):
                self._said += chunk
        found: dict[str, int] = {}
        for line in self._said.splitlines():
            # The last line may be half written.
            with contextlib.suppress(ValueError):
                found.update(json.loads(line))
        return found


def _is_first_of_a_namespace(process: int) -> bool:
    """Whether a pidfd is that of an init: a process id may have been used again meanwhile."""
    try:
        lines = Path(f"/proc/self/fdinfo/{process}").read_text().splitlines()
    except PermissionError:
        # Before Linux 5.14 a closed process cannot read its own; then the id is believed.
        return True
    for line in lines:
        name, _, value = line.partition(":")
        if name == "NSpid":
            ids = value.split()
            return len(ids) > 1 and ids[-1] == "1"
    return False


def _kill(process: int) -> None:
    """Kill an init by its pidfd and wait until it, and with it its namespace, is gone.

    The kernel ends every process of the namespace and of those nested in it before the init's own
    end can be seen. Raises SandboxError when that does not happen.
    """
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    with selectors.DefaultSelector() as selector:
        selector.register(process, selectors.EVENT_READ)
        if not selector.select(KILL_SECONDS):
            raise SandboxError("processes of the stage cannot be ended")


def _memory_file(content: bytes) -> int:
    file = os.memfd_create("dcanary-sandbox")
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file
