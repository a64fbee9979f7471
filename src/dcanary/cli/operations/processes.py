"""Background processes of one installation: forge and executors, each with its log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dcanary.client.errors import ClientError

STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Process:
    """A process we started. `started` tells it from a later one with the same id."""

    name: str
    pid: int
    started: str
    log: Path


def _start_time(pid: int) -> str | None:
    """Start time in clock ticks since boot (proc(5), field 22), None when it does not run."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


class Processes:
    """The processes recorded in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "processes.json"

    def spawn(self, name: str, arguments: Sequence[str]) -> Process:
        """Run `dcanary ARGUMENTS` detached; its output goes to `<name>.log`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"{name}.log"
        with log.open("ab") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", "dcanary", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(name, child.pid, _start_time(child.pid) or "", log)
        child.returncode = 0  # it outlives us: nobody waits for it
        self._save([p for p in self.listed() if p.name != name] + [process])
        return process

    def listed(self) -> list[Process]:
        try:
            rows = json.loads(self._file.read_text())
            return [Process(r["name"], r["pid"], r["started"], Path(r["log"])) for r in rows]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def running(self, process: Process) -> bool:
        return bool(process.started) and _start_time(process.pid) == process.started

    def require(self, process: Process) -> None:
        """Raises ClientError with the end of its log when the process has ended."""
        if not self.running(process):
            tail = "\n".join(process.log.read_text(errors="replace").splitlines()[-12:])
            raise ClientError(f"{process.name} has ended; last lines of {process.log}:\n{tail}")

    def stop(self, name: str, how: int = signal.SIGTERM) -> bool:
        """End one process; False when it did not run."""
        for process in self.listed():
            if process.name == name:
                was = self._end(process, how)
                self._save([p for p in self.listed() if p.name != name])
                return was
        return False

    def stop_all(self) -> list[str]:
        """End all, the latest first; names of those that ran."""
        ended = [p.name for p in reversed(self.listed()) if self._end(p, signal.SIGTERM)]
        self._save([])
        return ended

    def _end(self, process: Process, how: int) -> bool:
        if not self.running(process):
            return False
        for number, seconds in ((how, STOP_SECONDS), (signal.SIGKILL, 5.0)):
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                return True
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if not self.running(process):
                    return True
                _reap(process.pid)
                time.sleep(0.05)
        return True

    def _save(self, processes: Sequence[Process]) -> None:
        rows = [
            {"name": p.name, "pid": p.pid, "started": p.started, "log": str(p.log)}
            for p in processes
        ]
        if not rows and not self._file.exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".new")
        temporary.write_text(json.dumps(rows, indent=1) + "\n")
        temporary.replace(self._file)


def _reap(pid: int) -> None:
    """Collect a child of this very process, so that it does not stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
