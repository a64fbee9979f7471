"""Running the real `git`, apart from the user's and the system's configuration."""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Literal

from dcanary.forge import bounds
from dcanary.forge.errors import ForgeError, TooMuchWork

TIMEOUT_SECONDS = 60
"""For one git, and for all of one piece of work together."""
MAX_OUTPUT_BYTES = 256 << 20
MAX_MESSAGE_BYTES = 65_536


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


def run(
    folder: Path, *arguments: str, at_most: int | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git in `folder` and return what it did, whatever its exit code.

    It has TIMEOUT_SECONDS, or what is left of those of the work that this thread does, and
    MEMORY_BYTES; it ends with that work and with the forge. With `at_most`, git is ended as soon
    as it has printed so many bytes, which are a success. Raises TooMuchWork, ForgeError.
    """
    scope = bounds.present() or bounds.Scope(TIMEOUT_SECONDS)
    limit = MAX_OUTPUT_BYTES if at_most is None else at_most
    launcher = bounds.prefix(TIMEOUT_SECONDS, bounds.MEMORY_BYTES, dies_with_thread=True)
    process = subprocess.Popen(
        [*launcher, executable(), *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        with scope.holding(process):
            stdout, stderr, end = _read(process, limit, scope)
    finally:
        # Also after an error in here: no git may outlive what asked for it.
        process.kill()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait()
    if scope.ended:
        raise ForgeError(f"git {arguments[0]} was ended: the forge stops")
    if end == "late":
        raise TooMuchWork(f"git {arguments[0]} took more than {scope.seconds:.0f} s")
    if end == "full" and at_most is None:
        raise TooMuchWork(f"git {arguments[0]} printed more than {limit} bytes")
    if bounds.ran_out(process.returncode):
        raise TooMuchWork(f"git {arguments[0]} used more than {TIMEOUT_SECONDS} s of CPU time")
    if process.returncode != 0 and b"ut of memory" in stderr:
        needed = f"more than {bounds.MEMORY_BYTES >> 20} MiB of memory"
        raise TooMuchWork(f"git {arguments[0]} needs {needed}")
    code = 0 if end == "full" else process.returncode
    return subprocess.CompletedProcess(arguments, code, stdout, stderr)


def _read(
    process: subprocess.Popen[bytes], limit: int, scope: bounds.Scope
) -> tuple[bytes, bytes, Literal["whole", "full", "late"]]:
    """Output and messages of git, and whether that is all, or the limit or the time was reached."""
    assert process.stdout is not None and process.stderr is not None
    stdout, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, stdout)
        selector.register(process.stderr, selectors.EVENT_READ, stderr)
        while selector.get_map():
            ready = selector.select(scope.seconds_left)
            if not ready and scope.seconds_left <= 0:
                return bytes(stdout), bytes(stderr), "late"
            for key, _ in ready:
                part = os.read(key.fd, 65_536)
                if not part:
                    selector.unregister(key.fileobj)
                elif key.data is stdout or len(stderr) < MAX_MESSAGE_BYTES:
                    key.data.extend(part)
            if len(stdout) > limit:
                return bytes(stdout[:limit]), bytes(stderr), "full"
            if scope.seconds_left <= 0:
                return bytes(stdout), bytes(stderr), "late"
    try:
        process.wait(scope.seconds_left)
    except subprocess.TimeoutExpired:
        return bytes(stdout), bytes(stderr), "late"
    return bytes(stdout), bytes(stderr), "whole"


def output(folder: Path, *arguments: str, at_most: int | None = None) -> bytes:
    """What git printed, cut after `at_most` bytes; raises ForgeError with its message when it
    failed."""
    done = run(folder, *arguments, at_most=at_most)
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
