"""Background processes of one installation: forge and executors, each with its log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock

from dcanary import lock_holder
from dcanary.client.errors import ClientError

STOP_SECONDS = 10.0
KILL_SECONDS = 5.0
_SAME_SECONDS = 2.0
"""A process' beginning is told from the time of the boot, which moves when the clock is set."""


@dataclass(frozen=True)
class Process:
    """A process we started. `started` (seconds since 1970) tells it from a later one of its id."""

    name: str
    pid: int
    started: float
    log: Path

    def found(self) -> psutil.Process | None:
        """The process itself; None when it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_SECONDS
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class Processes:
    """The processes recorded in one folder. Commands that change the record take turns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "processes.json"
        self._begins: dict[int, int] = {}  # pid -> where its part of the log begins

    def spawn(self, name: str, arguments: Sequence[str]) -> Process:
        """Run `dcanary ARGUMENTS` detached; its output goes to `<name>.log`.

        Raises ClientError when the process of that name runs already: its record is kept.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"{name}.log"
        with self.changing() as listed:
            known = self.found(name)
            if known is not None:
                raise runs_already(name, known.pid)
            with log.open("ab") as out:
                begins = out.tell()
                child = subprocess.Popen(
                    [sys.executable, "-m", "dcanary", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            process = Process(name, child.pid, psutil.Process(child.pid).create_time(), log)
            child.returncode = 0  # it outlives us: nobody waits for it
            listed[:] = [*(each for each in listed if each.name != name), process]
        self._begins[process.pid] = begins
        return process

    def listed(self) -> list[Process]:
        """What was started and not stopped, whether it runs or not."""
        try:
            rows = json.loads(self._file.read_text())
            return [
                Process(row["name"], row["pid"], _since_1970(row["started"]), Path(row["log"]))
                for row in rows
            ]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def running(self, process: Process) -> bool:
        """Whether the process has not ended."""
        return process.found() is not None

    def found(self, name: str) -> Process | None:
        """The process of that name, None when it does not run."""
        return next((one for one in self.listed() if one.name == name and self.running(one)), None)

    def require(self, process: Process) -> None:
        """Raises ClientError with the end of its log when the process has ended."""
        if self.running(process):
            return
        with process.log.open("rb") as log:
            log.seek(self._begins.get(process.pid, 0))
            lines = log.read().decode(errors="replace").splitlines()
        tail = "\n".join(f"  {line}" for line in lines[-12:])
        raise ClientError(f"{process.name} has ended; last lines of {process.log}:\n{tail}")

    def stop(self, name: str, how: int = signal.SIGTERM) -> bool:
        """End one process; False when it did not run."""
        ended = [end(each, how) for each in self.listed() if each.name == name]
        with self.changing() as listed:
            listed[:] = [each for each in listed if each.name != name]
        return any(ended)

    def stop_all(self) -> list[str]:
        """End all, the latest first; names of those that ran."""
        ended = [each.name for each in reversed(self.listed()) if end(each)]
        with self.changing() as listed:
            listed.clear()
        return ended

    @contextmanager
    def changing(self) -> Iterator[list[Process]]:
        """The record to change; written when the block ends."""
        if not self._folder.is_dir():
            yield []
            return
        with FileLock(self._folder / "processes.lock"):
            listed = self.listed()
            yield listed
            rows = [{**vars(each), "log": str(each.log)} for each in listed]
            temporary = self._file.with_suffix(".new")
            temporary.write_text(json.dumps(rows, indent=1) + "\n")
            temporary.replace(self._file)


def _since_1970(started: float | str) -> float:
    """When a recorded process began. Texts are of 0.1.0: clock ticks since the boot of the machine.

    Raises ValueError for other texts.
    """
    if isinstance(started, str):
        return psutil.boot_time() + int(started) / os.sysconf("SC_CLK_TCK")
    return started


def runs_already(name: str, pid: int) -> ClientError:
    """What is said to whoever starts what runs."""
    command = "forge stop" if name == "forge" else f"executor stop {name}"
    return ClientError(f"{name} runs already: pid {pid}", f"to end it: dcanary {command}")


def end(process: Process, how: int = signal.SIGTERM) -> bool:
    """Send the signal, and SIGKILL after STOP_SECONDS; False when the process did not run."""
    found = process.found()
    if found is None:
        return False
    for number, seconds in ((how, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        try:
            found.send_signal(number)
            found.wait(seconds)
            return True
        except psutil.NoSuchProcess:
            return True
        except psutil.TimeoutExpired:
            continue
    return True


def end_holder(name: str, lock: Path) -> bool:
    """End the process that has locked the folder of NAME, which no record names; False when none.

    Such are those of earlier versions whose record is lost. Raises ClientError with the process id
    when it does not end or belongs to another user.
    """
    if not _is_held(lock):
        return False
    pid = lock_holder.holder(lock)
    try:
        if pid is not None:
            end(Process(name, pid, psutil.Process(pid).create_time(), Path()))
    except psutil.NoSuchProcess:
        pass  # It has ended by itself.
    except psutil.AccessDenied:
        raise _holds(name, lock, pid) from None
    if _is_held(lock):
        raise _holds(name, lock, pid)
    return True


def _is_held(lock: Path) -> bool:
    try:
        return lock_holder.is_held(lock)
    except OSError as error:
        raise ClientError(f"{lock} cannot be read: {error.strerror or error}") from None


def _holds(name: str, lock: Path, pid: int | None) -> ClientError:
    if pid is None:
        return ClientError(
            f"{name} runs, and its process cannot be told: it has locked {lock}",
            "it may be of another user or of another container: stop it there",
        )
    return ClientError(
        f"{name} runs and could not be stopped: process {pid} has locked {lock}",
        f"end it with: kill {pid}",
    )
