"""What `bwrap` is told: what a stage sees, and nothing else of the host."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from dcanary.executor.sandbox.model import (
    BUILD,
    HOME,
    SOURCE,
    TEMPORARY,
    Bind,
    Limits,
    Plan,
)

USER_ID = 1_000
HOST_NAME = "dcanary"
_SHARED_MEMORY_BYTES = 64 * 1_024 * 1_024
_SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
)
_NETWORK_FILES = ("/etc/resolv.conf", "/etc/ssl", "/etc/ca-certificates", "/etc/pki")
_ETC = Path(__file__).parent / "etc"


def etc_bind() -> Bind:
    """The folder of fixed files for /etc. The first of the binds of `bubblewrap_arguments`."""
    return Bind(_ETC, "/etc")


def bubblewrap_arguments(
    plan: Plan,
    limits: Limits,
    build: Path,
    binds: Sequence[Bind],
    *,
    disable_userns: bool = True,
    protect_memory: bool = True,
) -> list[str]:
    """Options of `bwrap` for one command of a plan, without the program and the command.

    `build` is the folder of the stage that can be written; `binds` are `etc_bind()` and those of
    the plan, where `bwrap` finds them.

    With `protect_memory`, nothing can be written below /proc: a process of the stage could write
    into the memory of its shell or of the sandbox's init through /proc/PID/mem, and end its command
    with any exit code. All have one user, and what is executed anew can be looked into again, so
    that neither another user nor non-dumpable processes are to be had.
    """
    etc, *tools = binds
    arguments = [
        "--unshare-user",
        *(("--disable-userns",) if disable_userns else ()),
        "--uid", str(USER_ID),
        "--gid", str(USER_ID),
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-uts",
        "--unshare-cgroup-try",
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
    for folder in _parents(tools):
        arguments += ["--perms", "0755", "--dir", folder]
    for name in sorted(file.name for file in _ETC.iterdir()):
        arguments += ["--ro-bind", str(etc.host / name), f"/etc/{name}"]
    for system in (*_SYSTEM_FILES, *(_NETWORK_FILES if plan.network else ())):
        arguments += ["--ro-bind-try", system, system]
    for bind in tools:
        arguments += ["--ro-bind", str(bind.host), bind.inside]
    shared = min(_SHARED_MEMORY_BYTES, limits.storage_bytes)
    arguments += [
        "--proc", "/proc",
        "--ro-bind", "/proc/sys", "/proc/sys",
        *(("--remount-ro", "/proc") if protect_memory else ()),
        "--dev", "/dev",
        "--perms", "1777", "--size", str(shared), "--tmpfs", "/dev/shm",  # noqa: S108 - inside
        "--remount-ro", "/dev",
        "--bind", str(build), BUILD,
        "--symlink", TEMPORARY.lstrip("/"), "/tmp",  # noqa: S108 - inside the sandbox
        "--chdir", BUILD,
        "--remount-ro", "/",
        "--clearenv",
    ]  # fmt: skip
    for name, value in sandbox_environment(plan).items():
        arguments += ["--setenv", name, value]
    return arguments


def _parents(binds: Sequence[Bind]) -> list[str]:
    """Folders that binds are put in: made by hand, because bwrap's own are for root only."""
    found = {"/etc"}
    for bind in binds:
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
