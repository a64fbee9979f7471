"""Running the real `git`, apart from the user's and the system's configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from dcanary.forge.errors import ForgeError

TIMEOUT_SECONDS = 60


@cache
def executable() -> str:
    """The path of git; raises ForgeError when it is not installed."""
    found = shutil.which("git")
    if found is None:
        raise ForgeError("git is not installed: apt-get install git")
    return found


def environment(home: Path) -> dict[str, str]:
    """Nothing of the caller's environment but what programs need to run at all."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in `folder` and return what it did, whatever its exit code."""
    try:
        return subprocess.run(
            [executable(), *arguments],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ForgeError(f"git {arguments[0]} took more than {TIMEOUT_SECONDS} s") from None


def output(folder: Path, *arguments: str) -> bytes:
    """What git printed; raises ForgeError with its message when it failed."""
    done = run(folder, *arguments)
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip()[:500]
        raise ForgeError(f"git {arguments[0]} failed in {folder.name}: {message}")
    return done.stdout


def http_backend() -> str:
    """The path of git's CGI program; raises ForgeError when this git has none."""
    folder = subprocess.run(
        [executable(), "--exec-path"], capture_output=True, check=True, timeout=TIMEOUT_SECONDS
    )
    program = Path(folder.stdout.decode().strip()) / "git-http-backend"
    if not program.is_file():
        raise ForgeError(f"{program} is missing: this git cannot serve HTTP, apt-get install git")
    return str(program)
