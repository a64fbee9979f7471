"""Bounds for the programs that the forge starts: time, memory, and the life of the forge itself."""

from __future__ import annotations

import contextlib
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache

MEMORY_BYTES = 512 << 20
"""What one git that reads a repository may allocate. Packs are mapped, and do not count."""
_GRACE_SECONDS = 5


class Scope:
    """The git processes of one piece of work: together they have `seconds`, and end together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.ended = False

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def end(self) -> None:
        """Kill what runs; what is started later is killed at once. From any thread."""
        with self._lock:
            self.ended = True
            for process in self._running:
                process.kill()

    @contextlib.contextmanager
    def holding(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Let `end` kill the process within this block."""
        with self._lock:
            self._running.add(process)
            if self.ended:
                process.kill()
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(process)


_present: ContextVar[Scope | None] = ContextVar("scope", default=None)


def present() -> Scope | None:
    """The scope of the work that this thread does, if it has one."""
    return _present.get()


@contextlib.contextmanager
def within(scope: Scope) -> Iterator[None]:
    """Make all git processes that this thread starts in this block those of the scope."""
    token = _present.set(scope)
    try:
        yield
    finally:
        _present.reset(token)


@cache
def _launcher(name: str) -> str | None:
    """The path of a program of util-linux; None where there is none, as on macOS."""
    return shutil.which(name) if sys.platform == "linux" else None


def prefix(cpu_seconds: int, memory_bytes: int | None, *, dies_with_thread: bool) -> list[str]:
    """What to put before a command, so that the kernel bounds it even if the forge is killed.

    With `dies_with_thread` the program is killed when the thread that starts it ends: only for one
    that waits. Its own children live on, within the same CPU time and memory each. Nothing is added
    where the system has no `prlimit` and `setpriv`: the forge's own limits remain.
    """
    command: list[str] = []
    prlimit, setpriv = _launcher("prlimit"), _launcher("setpriv")
    if dies_with_thread and setpriv is not None:
        command += [setpriv, "--pdeathsig=KILL", "--"]
    if prlimit is not None:
        # With one number the kernel would send SIGKILL at once, which does not tell why.
        hard = _at_most(resource.RLIMIT_CPU, cpu_seconds + _GRACE_SECONDS)
        command += [prlimit, f"--cpu={min(cpu_seconds, hard)}:{hard}", "--core=0"]
        if memory_bytes is not None:
            command.append(f"--data={_at_most(resource.RLIMIT_DATA, memory_bytes)}")
        command.append("--")
    return command


def _at_most(kind: int, wanted: int) -> int:
    """`wanted`, or the hard limit of this process when that is lower: none may raise it."""
    hard = resource.getrlimit(kind)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def ran_out(returncode: int) -> bool:
    """Whether a program was ended for the CPU time that it used."""
    return returncode == -signal.SIGXCPU
