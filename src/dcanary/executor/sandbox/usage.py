"""What a job uses of memory, tasks and CPU time, and ending all of its processes."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

KILL_SECONDS = 10.0
# What the kernel calls shared memory without a file.
_SHARED_MEMORY = ("/dev/zero (deleted)", "/SYSV", "/memfd:")


@dataclass(frozen=True)
class Usage:
    """What processes use now: bytes of memory (without the files of the sandbox), a count of
    threads, and the CPU time that they and those they have waited for took so far."""

    memory_bytes: int
    tasks: int
    cpu_ns: int = 0


@dataclass
class Used:
    """What a stage has used: the most memory and storage at once, in bytes, and CPU time.

    Without a control group `cpu_ns` is a sum over commands, of each what was seen of it: processes
    that end between two looks, and were not waited for by one that is seen, are missing.
    """

    peak_memory_bytes: int = 0
    storage_bytes: int = 0
    cpu_ns: int = 0

    def note(self, usage: Usage, stored_bytes: int) -> None:
        """Take a look into account."""
        self.peak_memory_bytes = max(self.peak_memory_bytes, usage.memory_bytes)
        self.storage_bytes = max(self.storage_bytes, stored_bytes)


def tree_usage(root: int, cookie: str = "") -> Usage:
    """Usage of a process and all that descend from it, or carry `cookie` in their environment.

    Memory that they share counts with the whole size of its mappings where that is more than the
    pages in use: a process may drop its pages of such memory (`madvise`), which then stays.
    """
    private = resident = tasks = 0
    seconds = 0.0
    mapped: dict[str, int] = {}
    for process in processes_of(root, cookie):
        # A process may end while it is looked at: then it uses nothing.
        with contextlib.suppress(psutil.Error, OSError):
            tasks += process.num_threads()
            seconds += sum(process.cpu_times()[:4])
            own, shared = _memory_of(process.pid)
            private, resident = private + own, resident + shared
            for name, size in _shared_mappings(process.pid).items():
                mapped[name] = max(mapped.get(name, 0), size)
    cpu_ns = round(seconds * 1e9)
    return Usage(private + max(resident, sum(mapped.values())), tasks, cpu_ns)


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


def _memory_of(pid: int) -> tuple[int, int]:
    """Bytes in use of a process: of its own, and of memory that is shared."""
    # psutil tells resident and shared bytes; shared ones are files and memory together, and a
    # stage that fills memory shared with itself must not be overlooked.
    found = {"RssAnon": 0, "RssShmem": 0}
    for line in _lines(Path("/proc") / str(pid) / "status"):
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value.split()[0]) * 1024
    return found["RssAnon"], found["RssShmem"]


def _lines(file: Path) -> list[str]:
    """Lines of a file of the kernel, which escapes "\\n" in names, but not "\\r", "\\f" or U+2028:
    at those `read_text` and `splitlines` would let a job write lines of its own."""
    return file.read_bytes().decode(errors="replace").split("\n")


def _shared_mappings(pid: int) -> dict[str, int]:
    """Device and number of the shared memory that a process has mapped -> bytes."""
    found: dict[str, int] = {}
    for line in _lines(Path("/proc") / str(pid) / "maps"):
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[1][3] == "s" and fields[5].startswith(_SHARED_MEMORY):
            start, _, end = fields[0].partition("-")
            # The same pages may be mapped again and again; parts of them are mappings of their own.
            name, size = f"{fields[3]} {fields[4]} {fields[2]}", int(end, 16) - int(start, 16)
            found[name] = max(found.get(name, 0), size)
    return found


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
