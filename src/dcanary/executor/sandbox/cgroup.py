"""Control groups: hard limits of memory and tasks, and a count of CPU time, where we may make one.

Version 1 (one hierarchy per controller) and version 2 (one for all) are both in use. Where neither
can be written, the caller falls back to watching `/proc` and to RLIMIT_NPROC.
Source: Linux kernel documentation, admin-guide/cgroup-v1 and admin-guide/cgroup-v2.
"""

import contextlib
import os
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path

from dcanary.executor.sandbox.child import Child
from dcanary.executor.sandbox.usage import Usage, Used, kill_all

_PREFIX = "dcanary-"
_CLOSE_SECONDS = 5.0
# Version 1 tells the absence of a limit as a number about as high as addresses go.
_UNLIMITED = 1 << 60


@dataclass(frozen=True)
class Cgroup:
    """A control group of one job. `memory` and `tasks` are its folders (the same one in v2).

    `cpu` is a third one in v1, and absent where CPU time cannot be counted.
    """

    memory: Path
    tasks: Path
    unified: bool
    cpu: Path | None = None

    @property
    def procs_files(self) -> tuple[Path, ...]:
        """Files that a process writes its id to, to join."""
        return tuple(folder / "cgroup.procs" for folder in self._folders)

    @property
    def _folders(self) -> tuple[Path, ...]:
        counting = () if self.cpu is None else (self.cpu,)
        return tuple(dict.fromkeys((self.memory, self.tasks, *counting)))

    def limit(self, memory_bytes: int, tasks: int) -> None:
        name = "memory.max" if self.unified else "memory.limit_in_bytes"
        (self.memory / name).write_text(str(memory_bytes))
        swap = self.memory / ("memory.swap.max" if self.unified else "memory.memsw.limit_in_bytes")
        # Without swap accounting the file is absent; then the machine's swap is not counted.
        with contextlib.suppress(OSError):
            swap.write_text("0" if self.unified else str(memory_bytes))
        (self.tasks / "pids.max").write_text(str(tasks))

    def usage(self, stored_bytes: int) -> Usage:
        """Current usage; `stored_bytes` of the sandbox's files are not counted as memory."""
        stat = _numbers(self.memory / "memory.stat")
        anonymous = stat.get("anon", stat.get("total_rss", 0))
        shared = stat.get("shmem", stat.get("total_shmem", 0))
        tasks = int((self.tasks / "pids.current").read_text())
        return Usage(anonymous + max(0, shared - stored_bytes), tasks)

    def cpu_ns(self) -> int | None:
        """CPU time of all that ever was in the group; None where it is not counted."""
        with contextlib.suppress(OSError, ValueError):
            if self.unified:
                found = _numbers(self.memory / "cpu.stat").get("usage_usec")
                return None if found is None else 1_000 * found
            if self.cpu is not None:
                return int((self.cpu / "cpuacct.usage").read_text())
        return None

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process of the group for its memory."""
        name = "memory.events" if self.unified else "memory.oom_control"
        return _numbers(self.memory / name).get("oom_kill", 0) > 0

    def out_of_tasks(self) -> bool:
        """Whether a fork was refused."""
        return _numbers(self.tasks / "pids.events").get("max", 0) > 0

    def kill_all(self) -> bool:
        """Kill all processes of the group; False when some are left after a while."""
        with contextlib.suppress(OSError):
            # Version 2 of Linux 5.14 and later: at once, with no race against forks.
            (self.tasks / "cgroup.kill").write_text("1")
        return kill_all(self._processes)

    def close(self) -> None:
        """Kill what is left in the group and remove it. Never raises."""
        self.kill_all()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for folder in reversed(self._folders):
            while folder.exists() and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.01)

    def _processes(self) -> list[int]:
        found: set[int] = set()
        for file in self.procs_files:
            with contextlib.suppress(OSError):
                found.update(int(pid) for pid in file.read_text().split())
        # 0 stands for a process that our own process namespace does not show.
        return sorted(found - {0})


def create_cgroup(memory_bytes: int, tasks: int) -> Cgroup | None:
    """A new, limited group, or None when this machine does not let us make one."""
    with contextlib.suppress(OSError, ValueError):
        name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        for folders in _candidates():
            group = _create_in(folders, name, memory_bytes, tasks)
            if group is not None:
                return group
    return None


def take_cpu(used: Used, group: Cgroup | None, child: Child, seen_ns: int) -> None:
    """Count the CPU time of a command that has ended: what its group counted, or else the larger of
    what was waited for and what was seen of it."""
    counted_ns = None if group is None else group.cpu_ns()
    if counted_ns is None:
        used.cpu_ns += max(child.cpu_ns, seen_ns)
    else:
        # One group lasts for all commands of the stage.
        used.cpu_ns = max(used.cpu_ns, counted_ns)


def memory_limit() -> int | None:
    """Bytes of memory that the control groups of this process allow it, None without a limit."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        mounts, ours = mounted_controllers()
        if "memory" in mounts:
            stat = _numbers(_inside(mounts["memory"], ours.get("memory", "/")) / "memory.stat")
            found.append(stat.get("hierarchical_memory_limit", _UNLIMITED))
        if "" in mounts:
            folder = _inside(mounts[""], ours.get("", "/"))
            while folder != mounts[""].parent:
                with contextlib.suppress(OSError, ValueError):
                    # The word `max` is no number.
                    found.append(int((folder / "memory.max").read_text()))
                folder = folder.parent
    lowest = min(found, default=_UNLIMITED)
    return lowest if lowest < _UNLIMITED else None


def _create_in(
    folders: tuple[Path, Path, bool], name: str, memory_bytes: int, tasks: int
) -> Cgroup | None:
    memory, task, unified = folders
    group = Cgroup(memory / name, task / name, unified)
    try:
        for folder in dict.fromkeys((memory, task)):
            _remove_stale(folder)
            (folder / name).mkdir()
        group.limit(memory_bytes, tasks)
    except OSError:
        group.close()
        return None
    return group if unified else _counting(group, name)


def _counting(group: Cgroup, name: str) -> Cgroup:
    """The group of version 1 with its CPU time counted, where it can be: limits need no count."""
    with contextlib.suppress(OSError, ValueError):
        mounts, ours = mounted_controllers()
        if "cpuacct" in mounts:
            folder = _inside(mounts["cpuacct"], ours.get("cpuacct", "/"))
            _remove_stale(folder)
            # Often one hierarchy with that of the memory or of the tasks.
            (folder / name).mkdir(exist_ok=True)
            return replace(group, cpu=folder / name)
    return group


def _remove_stale(folder: Path) -> None:
    # Left by executors that were killed; a group with processes in it cannot be removed.
    for old in folder.glob(f"{_PREFIX}*-*"):
        pid = old.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path(f"/proc/{pid}").exists():
            with contextlib.suppress(OSError):
                old.rmdir()


def _candidates() -> list[tuple[Path, Path, bool]]:
    """Folders to make a group in: (memory, tasks, is version 2), the best first."""
    mounts, ours = mounted_controllers()
    found: list[tuple[Path, Path, bool]] = []
    if "memory" in mounts and "pids" in mounts:
        memory, tasks = (_inside(mounts[each], ours.get(each, "/")) for each in ("memory", "pids"))
        found.append((memory, tasks, False))
    if "" in mounts:
        folder = _inside(mounts[""], ours.get("", "/"))
        while folder != mounts[""].parent:
            enabled = folder / "cgroup.subtree_control"
            if enabled.exists() and {"memory", "pids"} <= set(enabled.read_text().split()):
                found.append((folder, folder, True))
            folder = folder.parent
    return found


def mounted_controllers() -> tuple[dict[str, Path], dict[str, str]]:
    """Controller -> where it is mounted, and our group in it; the key of version 2 is empty."""
    mounts: dict[str, Path] = {}
    for line in _lines("/proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        point, (kind, _, options) = before.split()[4], after.split()[:3]
        if kind == "cgroup2":
            mounts.setdefault("", Path(point))
        elif kind == "cgroup":
            for controller in options.split(","):
                mounts.setdefault(controller, Path(point))
    ours: dict[str, str] = {}
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            ours[controller] = path
    return mounts, ours


def _lines(file: str) -> list[str]:
    # The kernel escapes "\n" in the paths of others, and nothing else that Python ends a line at.
    return Path(file).read_bytes().decode(errors="surrogateescape").split("\n")[:-1]


def _inside(mount: Path, path: str) -> Path:
    # In a container the path may be told from outside; then the mount itself is our group.
    folder = mount / path.lstrip("/")
    return folder if folder.exists() else mount


def _numbers(file: Path) -> dict[str, int]:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
