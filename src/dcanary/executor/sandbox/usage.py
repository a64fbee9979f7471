"""How much memory and how many tasks a job uses, and ending all of its processes."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Usage:
    """Bytes of memory (without the files of the sandbox) and a count of threads of processes."""

    memory_bytes: int
    tasks: int


def tree_usage(root: int, cookie: str = "") -> Usage:
    """Usage of a process and all that descend from it, or carry `cookie` in their environment."""
    memory = tasks = 0
    for process in processes_of(root, cookie):
        # A process may end while it is looked at: then it uses nothing.
        with contextlib.suppress(psutil.Error, OSError):
            tasks += process.num_threads()
            memory += _memory_of(process.pid)
    return Usage(memory, tasks)


def processes_of(root: int, cookie: str = "") -> list[psutil.Process]:
    """The process, its descendants, and those that carry `cookie` with theirs; no zombies."""
    chosen: dict[int, psutil.Process] = {}
    for process in (*_by_id(root), *(_carriers(cookie) if cookie else ())):
        # A process may end while it is looked at: then it has no descendants any more.
        with contextlib.suppress(psutil.Error):
            if process.pid not in chosen:
                chosen[process.pid] = process
                chosen.update({child.pid: child for child in process.children(recursive=True)})
    return [process for process in chosen.values() if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    """Whether a process still runs; one that only waits to be reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def kill_all(find: Callable[[], list[int]]) -> bool:
    """Kill what `find` returns, again and again, until it finds nothing; False when it never does.

    The processes may make new ones meanwhile, which is why once is not enough.
    """
    deadline = time.monotonic() + KILL_SECONDS
    while pids := find():
        if time.monotonic() > deadline:
            return False
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    return True


def _memory_of(pid: int) -> int:
    # psutil tells resident and shared bytes; shared ones are files and memory together, and a
    # stage that fills memory shared with itself must not be overlooked.
    total = 0
    for line in (Path("/proc") / str(pid) / "status").read_text(errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name in ("RssAnon", "RssShmem"):
            total += int(value.split()[0]) * 1024
    return total


def _by_id(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid)]
    except psutil.Error:
        return []


def _carriers(cookie: str) -> Iterator[psutil.Process]:
    name, _, value = cookie.partition("=")
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(name) == value:
                yield process
