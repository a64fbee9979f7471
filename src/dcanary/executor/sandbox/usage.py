"""How much memory and how many tasks a job uses, from `/proc`."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Usage:
    """Bytes of memory (without the files of the sandbox) and a count of threads of processes."""

    memory_bytes: int
    tasks: int


@dataclass(frozen=True)
class Process:
    """One process. `inner_pid` is its id in its own (innermost) process namespace."""

    parent: int
    inner_pid: int
    tasks: int
    memory_bytes: int


def tree_usage(root: int, cookie: str = "") -> Usage:
    """Usage of a process and all that descend from it, or carry `cookie` in their environment."""
    chosen = processes_of(root, cookie)
    return Usage(
        sum(process.memory_bytes for process in chosen.values()),
        sum(process.tasks for process in chosen.values()),
    )


def processes_of(root: int, cookie: str = "") -> dict[int, Process]:
    """The process, its descendants, and those that carry `cookie`, by process id."""
    everyone: dict[int, Process] = {}
    children: dict[int, list[int]] = {}
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        process = _read(entry)
        if process is None:
            continue
        pid = int(entry.name)
        everyone[pid] = process
        children.setdefault(process.parent, []).append(pid)
        if pid == root or (cookie and _carries(entry, cookie)):
            found.append(pid)
    chosen: dict[int, Process] = {}
    while found:
        pid = found.pop()
        if pid not in chosen:
            chosen[pid] = everyone[pid]
            found.extend(children.get(pid, ()))
    return chosen


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be reaped does not."""
    return _read(Path("/proc") / str(pid)) is not None


def kill_others(find: Callable[[], list[int]]) -> None:
    """Kill what `find` returns, again and again, until it finds nothing more."""
    deadline = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < deadline:
        pids = find()
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def _read(entry: Path) -> Process | None:
    # A process may end while it is read: then it counts as gone.
    try:
        text = (entry / "status").read_text(errors="replace")
    except OSError:
        return None
    fields = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name in ("State", "PPid", "Threads", "RssAnon", "RssShmem", "NSpid"):
            fields[name] = value.split()[0 if name != "NSpid" else -1]
    if fields.get("State") in (None, "Z", "X"):
        return None
    kilobytes = int(fields.get("RssAnon", "0")) + int(fields.get("RssShmem", "0"))
    inner = int(fields.get("NSpid", entry.name))
    return Process(int(fields["PPid"]), inner, int(fields["Threads"]), kilobytes * 1024)


def _carries(entry: Path, cookie: str) -> bool:
    try:
        return cookie.encode() in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
