"""Whether this machine can run stages in the sandbox, and if not, why and what to do."""

import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dcanary.executor.sandbox.bubblewrap import BubblewrapSandbox
from dcanary.executor.sandbox.model import Limits, Plan, SandboxError

INSTALL_LINE = "apt-get install -y bubblewrap"
_NEEDED = (0, 8, 0)
_PROBE_SECONDS = 20


@dataclass(frozen=True)
class SandboxProbe:
    """`sandbox` when it works; else `reason` says why not and what to do."""

    sandbox: BubblewrapSandbox | None
    reason: str


def probe_sandbox(program: str = "bwrap") -> SandboxProbe:
    """Try the sandbox once. Never raises."""
    found = shutil.which(program)
    if found is None:
        return SandboxProbe(
            None, f"bubblewrap is not installed: run `{INSTALL_LINE}` as root, then try again"
        )
    for needed in (
        "/usr/bin/nsenter",
        "/usr/bin/prlimit",
        "/usr/bin/setpriv",
        "/usr/bin/unshare",
        "/bin/sh",
        "/bin/tar",
    ):
        if not Path(needed).exists():
            return SandboxProbe(
                None, f"{needed} is missing: run `apt-get install -y util-linux tar dash` as root"
            )
    try:
        version = _run([found, "--version"]).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return SandboxProbe(None, f"{found} does not run: {error}")
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", version)
    if match is None or tuple(int(part) for part in match.groups()) < _NEEDED:
        needs = ".".join(str(part) for part in _NEEDED)
        said = version.strip() or "no version"
        return SandboxProbe(None, f"{found} says {said}: DCanary needs bubblewrap {needs} or later")
    return _try(found)


def _try(found: str) -> SandboxProbe:
    # Inside some containers the kernel's settings cannot be written, and user namespaces inside
    # the sandbox then are refused by the filter of system calls alone.
    said = ""
    for disable_userns in (True, False):
        sandbox = BubblewrapSandbox(found, disable_userns=disable_userns)
        try:
            _run_nothing(sandbox)
        except (SandboxError, OSError) as error:
            said = said or str(error).removeprefix("the sandbox does not start: ")
        else:
            return SandboxProbe(sandbox, "")
    return SandboxProbe(
        None,
        f"the kernel or container refuses the sandbox ({said}): user namespaces must be "
        "allowed (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, "
        "kernel.apparmor_restrict_unprivileged_userns=0), or the container be given them",
    )


def _run_nothing(sandbox: BubblewrapSandbox) -> None:
    limits = Limits(64 << 20, 1 << 20, 1 << 10, 16, _PROBE_SECONDS)
    with tempfile.TemporaryDirectory(prefix="dcanary-probe-") as folder:
        source = Path(folder) / "empty.tar"
        with tarfile.open(source, "w"):
            pass
        done = sandbox.run(
            Plan(["true"], source), limits, lambda _: None, lambda: False, lambda _: None
        )
    if not done.succeeded:
        raise SandboxError(done.detail)


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=_PROBE_SECONDS,
        check=False,
    )
