"""The sandbox of untrusted stages: Linux namespaces by way of `bwrap` (bubblewrap).

Inside there is no network, no home, no device but the harmless ones, and nothing of the host but
read-only tool folders. All that can be written is one tmpfs of `storage_bytes`, so the disk limit
is the kernel's. Process and memory limits are a control group's where one can be made; elsewhere
the executor watches, and RLIMIT_NPROC inside the user namespace stops fork bombs (the kernel does
not apply it to root, who can nearly always make a control group).
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from dcanary.executor.sandbox import launcher
from dcanary.executor.sandbox.cgroup import Cgroup, create_cgroup
from dcanary.executor.sandbox.model import (
    BUILD,
    HOME,
    MEMORY_LIMIT,
    PROCESS_LIMIT,
    SOURCE,
    STORAGE_LIMIT,
    TEMPORARY,
    Collect,
    Limits,
    Output,
    Plan,
    SandboxError,
    StageResult,
    Stop,
)
from dcanary.executor.sandbox.supervise import supervise
from dcanary.executor.sandbox.usage import Usage, is_alive, kill_others, processes_of, tree_usage

USER_ID = 1_000
HOST_NAME = "dcanary"
_POWERLESS_ID = 65_533
OPEN_FILES = 4_096
_MAX_INODES = 200_000
_FULL_BYTES = 64 * 1_024
_SHARED_MEMORY_BYTES = 64 * 1_024 * 1_024
_INFO_SECONDS = 10.0
_KILL_SECONDS = 10.0
# Tasks that are ours and not the stage's: bwrap outside, and inside its init and the launcher,
# which are the first two processes there.
_OWN_TASKS = 3
# The kernel's bound lies over the watched one, so that a stage that passes the latter is seen
# there for a while; a control group counts its refusals, and needs no such room.
_NPROC_FACTOR, _NPROC_ROOM = 2, 32
_OWN_INNER_PIDS = (1, 2)
_SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
)
_NETWORK_FILES = ("/etc/resolv.conf", "/etc/ssl", "/etc/ca-certificates", "/etc/pki")
_ETC = Path(__file__).parent / "etc"


class BubblewrapSandbox:
    """Runs stages with the `bwrap` program at `program`."""

    name = "bubblewrap"

    def __init__(self, program: str = "bwrap", use_cgroups: bool = True) -> None:
        self._program = program
        self._use_cgroups = use_cgroups

    def run(
        self, plan: Plan, limits: Limits, output: Output, stop: Stop, collect: Collect
    ) -> StageResult:
        """See `Sandbox.run`."""
        group = None
        if self._use_cgroups:
            # tmpfs pages are charged to the group too, so storage has its room there.
            room = limits.memory_bytes + limits.storage_bytes
            group = create_cgroup(room, limits.processes + _OWN_TASKS + 1)
        cage = _BubblewrapCage(self._program, plan, limits, group)
        return supervise(cage, plan, limits, output, stop, collect)


class _BubblewrapCage:
    def __init__(self, program: str, plan: Plan, limits: Limits, group: Cgroup | None) -> None:
        self.peak_memory_bytes = 0
        self._program, self._plan, self._limits, self._group = program, plan, limits, group
        self._info_read, self._info_write = os.pipe()
        self._process: subprocess.Popen[bytes] | None = None
        self._inside = 0
        self._build = -1

    def argv(self) -> Sequence[str]:
        # One line of shell joins the control group before anything else exists in it.
        join = "".join(f'echo $$ > "{file}" && ' for file in self._joined())
        return [
            "/bin/sh",
            "-c",
            f'{join}exec "$@"',
            "sh",
            self._program,
            *bubblewrap_arguments(self._plan, self._limits),
            "--info-fd",
            str(self._info_write),
            "--",
            *unprivileged_prefix(),
            "/usr/bin/prlimit",
            f"--nproc={_NPROC_FACTOR * self._limits.processes + _NPROC_ROOM}",
            f"--nofile={OPEN_FILES}",
            "--core=0",
            "/bin/sh",
            "-c",
            launcher.SCRIPT,
            "sh",
            SOURCE,
            *self._plan.commands,
        ]

    def environment(self) -> Mapping[str, str]:
        return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

    def pass_fds(self) -> tuple[int, ...]:
        return (self._info_write,)

    def started(self, process: "subprocess.Popen[bytes]") -> None:
        os.close(self._info_write)
        self._info_write = -1
        self._process = process
        text = b""
        os.set_blocking(self._info_read, False)
        deadline = time.monotonic() + _INFO_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                chunk = os.read(self._info_read, 4_096)
                if not chunk:
                    break
                text += chunk
            time.sleep(0.002)
        # No information: bwrap has ended, and the watch says what it printed.
        with contextlib.suppress(ValueError, KeyError):
            self._inside = int(json.loads(text)["child-pid"])

    def violation(self) -> tuple[str, str] | None:
        stored = 0
        full = None
        try:
            stat = os.fstatvfs(self._build_folder())
            stored = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
            if stat.f_bavail * stat.f_frsize < _FULL_BYTES:
                full = f"wrote more than {self._limits.storage_bytes} bytes of files"
            elif stat.f_files - stat.f_ffree > _MAX_INODES:
                full = f"made more than {_MAX_INODES} files"
        except OSError:
            pass  # The sandbox is not mounted yet, or is gone; the other limits still hold.
        usage = self._usage(stored)
        self.peak_memory_bytes = max(self.peak_memory_bytes, usage.memory_bytes)
        limits = self._limits
        if usage.memory_bytes > limits.memory_bytes or (
            self._group and self._group.out_of_memory()
        ):
            return MEMORY_LIMIT, f"used more than {limits.memory_bytes} bytes of memory"
        if usage.tasks - _OWN_TASKS > limits.processes or (
            self._group and self._group.out_of_tasks()
        ):
            return PROCESS_LIMIT, f"ran more than {limits.processes} processes and threads"
        return (STORAGE_LIMIT, full) if full else None

    def settle(self) -> None:
        kill_others(self._processes_of_the_stage)

    def _processes_of_the_stage(self) -> list[int]:
        if self._process is None:
            return []
        outside = self._process.pid
        return [
            pid
            for pid, process in processes_of(outside).items()
            if pid != outside and process.inner_pid not in _OWN_INNER_PIDS
        ]

    def open_source(self) -> int:
        # The stage owns /build and may have put a link where the source was: never follow one.
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(Path(SOURCE).name, flags, dir_fd=self._build_folder())

    def kill(self) -> None:
        # The first process inside takes its whole process namespace with it, then bwrap ends.
        if self._process is None:
            return
        if self._inside:
            with contextlib.suppress(OSError):
                os.kill(self._inside, 9)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_KILL_SECONDS)
        self._process.kill()
        deadline = time.monotonic() + _KILL_SECONDS
        while self._inside and is_alive(self._inside) and time.monotonic() < deadline:
            time.sleep(0.002)

    def close(self) -> None:
        for descriptor in (self._info_read, self._info_write, self._build):
            if descriptor >= 0:
                os.close(descriptor)
        self._info_read = self._info_write = self._build = -1
        if self._group is not None:
            self._group.close()

    def _joined(self) -> Sequence[Path]:
        return self._group.procs_files if self._group else ()

    def _build_folder(self) -> int:
        if self._build < 0:
            if not self._inside:
                raise FileNotFoundError("no process inside yet")
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            root = os.open(f"/proc/{self._inside}/root", flags)
            try:
                self._build = self._open_build(root)
            finally:
                os.close(root)
        return self._build

    def _open_build(self, root: int) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        build = os.open(BUILD.lstrip("/"), flags, dir_fd=root)
        # Until bwrap has changed the root this may be a folder of the host by the same name.
        size = os.fstatvfs(build)
        if abs(size.f_blocks * size.f_frsize - self._limits.storage_bytes) >= size.f_frsize:
            os.close(build)
            raise FileNotFoundError("the sandbox is not mounted yet")
        return build

    def _usage(self, stored_bytes: int) -> Usage:
        if self._group is not None:
            with contextlib.suppress(OSError, ValueError):
                return self._group.usage(stored_bytes)
        if self._process is None:
            return Usage(0, 0)
        return tree_usage(self._process.pid)


def _namespaces() -> list[str]:
    apart = ["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() == 0:
        return [*apart, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    identity = ["--uid", str(USER_ID), "--gid", str(USER_ID)]
    return ["--unshare-user", "--disable-userns", *identity, *apart]


def unprivileged_prefix() -> list[str]:
    """What turns root into a powerless user inside; empty when the executor is no root.

    Root mapped into a user namespace would still own `/proc/sys` and could set kernel parameters,
    so the stage becomes a user that owns nothing on the host, and only then appears as USER_ID.
    """
    if os.geteuid() != 0:
        return []
    become = [f"--reuid={_POWERLESS_ID}", f"--regid={_POWERLESS_ID}", "--clear-groups"]
    appear = ["--user", f"--map-user={USER_ID}", f"--map-group={USER_ID}"]
    return ["/usr/bin/setpriv", *become, "/usr/bin/unshare", *appear]


def bubblewrap_arguments(plan: Plan, limits: Limits) -> list[str]:
    """Options of `bwrap` for a plan, without the program and the command."""
    arguments = [
        *_namespaces(),
        *(() if plan.network else ("--unshare-net",)),
        "--die-with-parent",
        "--new-session",
        "--hostname", HOST_NAME,
        "--ro-bind", "/usr", "/usr",
    ]  # fmt: skip
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        system_folder = Path("/") / name
        if system_folder.is_symlink():
            arguments += ["--symlink", str(system_folder.readlink()), str(system_folder)]
        elif system_folder.is_dir():
            arguments += ["--ro-bind", str(system_folder), str(system_folder)]
    for folder in _parents(plan):
        arguments += ["--perms", "0755", "--dir", folder]
    for file in sorted(_ETC.iterdir()):
        arguments += ["--ro-bind", str(file), f"/etc/{file.name}"]
    for system in (*_SYSTEM_FILES, *(_NETWORK_FILES if plan.network else ())):
        arguments += ["--ro-bind-try", system, system]
    for bind in plan.binds:
        arguments += ["--ro-bind", str(bind.host), bind.inside]
    shared = min(_SHARED_MEMORY_BYTES, limits.storage_bytes)
    arguments += [
        "--proc", "/proc",
        "--ro-bind", "/proc/sys", "/proc/sys",
        "--dev", "/dev",
        "--perms", "1777", "--size", str(shared), "--tmpfs", "/dev/shm",  # noqa: S108
        "--remount-ro", "/dev",
        "--perms", "0777", "--size", str(limits.storage_bytes), "--tmpfs", BUILD,
        "--symlink", TEMPORARY.lstrip("/"), "/tmp",  # noqa: S108
        "--chdir", BUILD,
        "--remount-ro", "/",
        "--clearenv",
    ]  # fmt: skip
    for name, value in sandbox_environment(plan).items():
        arguments += ["--setenv", name, value]
    return arguments


def _parents(plan: Plan) -> list[str]:
    """Folders that binds are put in: made by hand, because bwrap's own are for root only."""
    found = {"/etc"}
    for bind in plan.binds:
        found.update(str(parent) for parent in PurePosixPath(bind.inside).parents)
    return sorted(found - {"/"})


def sandbox_environment(plan: Plan) -> dict[str, str]:
    """All variables that the commands see. The fixed ones cannot be replaced by a stage."""
    return {
        **plan.environment,
        "HOME": HOME,
        "TMPDIR": TEMPORARY,
        "PATH": plan.program_path,
        "PWD": SOURCE,
        "USER": "builder",
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


__all__ = ["BubblewrapSandbox", "SandboxError", "bubblewrap_arguments", "sandbox_environment"]
