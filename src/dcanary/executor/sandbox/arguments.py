"""What `bwrap` is told: what a stage sees, and nothing else of the host."""

import os
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
    SandboxError,
)

# Part of the environment digest of stages in images: one higher when what the sandbox adds to an
# image changes (folders, files of /etc, variables, user), so that other versions do not agree.
SETTINGS_VERSION = 1
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
# What the sandbox itself runs inside, and files of /etc that its own are put over.
_NEEDED = ("usr/bin/prlimit", "usr/bin/sh", "usr/bin/tar")
_COVERED = (*(f"etc/{file.name}" for file in sorted(_ETC.iterdir())), "etc/resolv.conf")
_OWN_FOLDERS = ("/build", "/dev", "/proc", "/sys", "/tmp")  # noqa: S108 - inside the sandbox


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
    root: Path | None = None,
) -> list[str]:
    """Options of `bwrap` for one command of a plan, without the program and the command.

    `build` is the folder of the stage that can be written; `binds` are `etc_bind()` and those of
    the plan, where `bwrap` finds them; `root` is where it finds the image of a plan that has one.
    Raises SandboxError for an image in which no stage can run.

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
    ]  # fmt: skip
    if plan.root is None or root is None:
        seen: list[str] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"]
        arguments += _system_folders(Path("/"), Path("/"), seen)
        folders = {"/etc", *_parents(tools)}
        systems = (*_SYSTEM_FILES, *(_NETWORK_FILES if plan.network else ()))
    else:
        arguments += _system_folders(plan.root, root, image_folders(plan.root))
        folders = _parents(tools)
        systems = _NETWORK_FILES[:1] if plan.network else ()
    for folder in sorted(folders):
        arguments += ["--perms", "0755", "--dir", folder]
    for name in sorted(file.name for file in _ETC.iterdir()):
        arguments += ["--ro-bind", str(etc.host / name), f"/etc/{name}"]
    for system in systems:
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


def image_folders(root: Path) -> list[str]:
    """Folders of an image that a stage sees, absolute. Raises SandboxError for what is no image.

    Of the others, those of the kernel and of the stage are the sandbox's own.
    """
    try:
        found = sorted(f"/{entry.name}" for entry in root.iterdir())
    except OSError as error:
        raise SandboxError(f"the image cannot be read: {error}") from error
    for name in _NEEDED:
        if not os.path.lexists(root / name):
            raise SandboxError(f"the image has no /{name}, without which no stage runs in it")
    for name in ("usr", "etc", *_COVERED):
        path = root / name
        # bwrap would follow a link to a place that it makes for itself.
        if path.is_symlink() or not path.exists():
            raise SandboxError(f"/{name} of the image is missing or a link: no stage runs in it")
    return [each for each in found if each not in _OWN_FOLDERS]


def _system_folders(root: Path, place: Path, names: Sequence[str]) -> list[str]:
    """Options that show folders of `root`, which `bwrap` finds at `place`."""
    arguments: list[str] = []
    for name in names:
        folder = root / name.lstrip("/")
        if folder.is_symlink():
            arguments += ["--symlink", str(folder.readlink()), name]
        elif folder.is_dir():
            arguments += ["--ro-bind", str(place / name.lstrip("/")), name]
    return arguments


def _parents(binds: Sequence[Bind]) -> set[str]:
    """Folders that binds are put in: made by hand, because bwrap's own are for root only."""
    found: set[str] = set()
    for bind in binds:
        found.update(str(parent) for parent in PurePosixPath(bind.inside).parents)
    return found - {"/"}


def secret_arguments(plan: Plan) -> bytes:
    """Options that set the secrets, as `bwrap --args` reads them from a file; empty for none.

    Not on the command line, which everybody on the machine can read.
    """
    others = sandbox_environment(plan)
    words = [
        word
        for name, value in plan.secrets.items()
        if name not in others
        for word in ("--setenv", name, value)
    ]
    return b"".join(word.encode() + b"\0" for word in words)


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
