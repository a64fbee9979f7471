"""Starting, finding and stopping a network from another process."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from .files import (
    LOG_FILE,
    NetworkError,
    RunningNetwork,
    Starting,
    make_folder,
    open_log,
    read_info,
    read_starting,
    remove_info,
    try_lock,
)

START_SECONDS = 180.0
"""So long a network may do nothing that can be seen before it is said not to start."""
ANSWER_SECONDS = 60.0
"""So long a process that holds the lock of the folder may not answer: one that was killed while it
had much memory keeps it for seconds."""
STOP_SECONDS = 600.0
"""A state of many gigabytes is written to the disk first."""
_END_SECONDS = 60.0
"""So long a process is waited for that has let go of its folder."""
_POLL = 0.05
_FIRST_REPORT, REPORT_SECONDS = 2.0, 5.0
"""Seconds before a wait is first spoken of, and between two such lines."""
Report = Callable[[str], None]
"""Takes a line for people, of 80 columns at most."""


def _silent(_line: str) -> None:
    return None


def _healthy(info: RunningNetwork) -> bool:
    address = urlsplit(info.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5.0)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def status(state_dir: Path) -> RunningNetwork | None:
    """The network that runs on a folder, or None. What a killed one left behind is removed."""
    if not state_dir.is_dir():
        return None
    lock = try_lock(state_dir)
    if lock is None:
        return read_info(state_dir)
    with lock:
        remove_info(state_dir)
    return None


def starting(state_dir: Path) -> Starting | None:
    """How far the network of a folder is in its start; None when none starts."""
    if not state_dir.is_dir():
        return None
    if _is_locked(state_dir):
        return read_starting(state_dir) if read_info(state_dir) is None else None
    return None


def _is_locked(state_dir: Path) -> bool:
    lock = try_lock(state_dir)
    if lock is None:
        return True
    lock.close()
    return False


def _log_tail(path: Path, begins: int = 0, lines: int = 15) -> str:
    """The last lines of a log, of what was written after its first `begins` bytes."""
    try:
        with path.open("rb") as log:
            log.seek(begins)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


class _Reports:
    """Speaks of a wait now and then."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._begun = time.monotonic()
        self._next = self._begun + _FIRST_REPORT

    def say(self, what: str) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REPORT_SECONDS
            self._report(f"{what} ({now - self._begun:.0f} s)")


def start(
    state_dir: Path,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    cache_dir: Path | None = None,
    allow_http_loopback: bool = False,
    accept_loss: bool = False,
) -> RunningNetwork:
    """Start a network in the background and wait until it is healthy.

    Its messages go to `network.log` in the folder. Raises NetworkError when a network already
    runs there or the new one does not come up.
    """
    running, started = ensure(
        state_dir,
        port,
        host=host,
        cache_dir=cache_dir,
        allow_http_loopback=allow_http_loopback,
        accept_loss=accept_loss,
    )
    if not started:
        raise NetworkError(
            f"a network already runs on {state_dir} at {running.url} (process {running.pid}): "
            "stop it first"
        )
    return running


def ensure(
    state_dir: Path,
    port: int | Callable[[], int] = 0,
    *,
    host: str = "127.0.0.1",
    cache_dir: Path | None = None,
    allow_http_loopback: bool = False,
    accept_loss: bool = False,
    report: Report = _silent,
) -> tuple[RunningNetwork, bool]:
    """Wait for a network of the folder that answers, and start it unless one runs or starts.

    `port` may be a function that is asked when the network is about to be started. Returns the
    network, and whether it was started. It goes on when the wait is interrupted. Raises
    NetworkError when it does not come up.
    """
    make_folder(state_dir)
    reports = _Reports(report)
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        lock = try_lock(state_dir)
        if lock is not None:
            with lock:
                remove_info(state_dir)
            command = [sys.executable, "-m", "dcanary.replica.network"]
            command += ["--state-dir", str(state_dir), "--host", host]
            command += ["--port", str(port if isinstance(port, int) else port())]
            if cache_dir is not None:
                command += ["--cache-dir", str(cache_dir)]
            if allow_http_loopback:
                command.append("--allow-http-loopback")
            if accept_loss:
                command.append("--accept-loss")
            try:
                return _spawn(state_dir, command, reports), True
            except NetworkError:
                # Two starts at once: the folder is free until the network itself has locked it,
                # and another one was faster. Its network is the one that was asked for.
                if not _is_locked(state_dir):
                    raise
                continue
        info = read_info(state_dir)
        if info is not None and _healthy(info):
            return info, False
        begun = read_starting(state_dir) if info is None else None
        if begun is not None:
            found = _wait(state_dir, _Process(begun.pid), reports)
            if found is not None:
                return found, True
        holder = f"process {info.pid}" if info is not None else "another process"
        if time.monotonic() > deadline:
            raise NetworkError(
                f"{holder} has locked {state_dir} but does not answer: look at "
                f"{state_dir / LOG_FILE}, or stop it with `dcanary network stop`"
            )
        reports.say(f"waits for {holder} to answer or to end")
        time.sleep(_POLL)


class _Process:
    """The process of a network that starts: whether it is there, and what it has computed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def code(self) -> int | None:
        """Exit code when it has ended; of somebody else's child, that is not known (-1)."""
        try:
            gone = psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            gone = True
        return -1 if gone else None

    def cpu_seconds(self) -> float:
        """Time that it and its children have computed."""
        total = 0.0
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            for one in (process, *process.children(recursive=True)):
                times = one.cpu_times()
                total += times.user + times.system
        return total


class _Child(_Process):
    """The same, started by this process."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        super().__init__(child.pid)
        self._child = child

    def code(self) -> int | None:
        return self._child.poll()


def _spawn(state_dir: Path, command: list[str], reports: _Reports) -> RunningNetwork:
    log_path = state_dir / LOG_FILE
    with open_log(state_dir) as log:
        begins = log.tell()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        found = _wait(state_dir, _Child(child), reports, begins)
    finally:
        ended = child.poll()
        if ended is None:
            # The process outlives us on purpose: it is stopped through `stop`.
            child.returncode = 0
    if found is None:
        raise NetworkError(
            f"the network on {state_dir} ended with code {ended} before it "
            f"listened; last lines of {log_path}:\n{_log_tail(log_path, begins)}"
        )
    return found


def _wait(
    state_dir: Path, process: _Process, reports: _Reports, log_begins: int = 0
) -> RunningNetwork | None:
    """Wait until a network answers, for as long as it makes progress; None when it has ended.

    It is never killed, because what it does would begin again the next time. Raises NetworkError
    when it makes no progress.
    """
    seen: tuple[Starting | None, float] = None, 0.0
    since = time.monotonic()
    while True:
        info = read_info(state_dir)
        if info is not None and info.pid == process.pid and _healthy(info):
            return info
        if process.code() is not None:
            return None
        begun = read_starting(state_dir)
        computed = process.cpu_seconds()
        if begun != seen[0] or computed > seen[1] + 0.1:
            seen = begun, computed
            since = time.monotonic()
        elif time.monotonic() - since > START_SECONDS:
            raise NetworkError(
                f"the network on {state_dir} (process {process.pid}) does not answer, and has done "
                f"nothing for {START_SECONDS:.0f} s; stop it with `dcanary network stop`; last "
                f"lines of {state_dir / LOG_FILE}:\n{_log_tail(state_dir / LOG_FILE, log_begins)}"
            )
        reports.say(f"starting: {begun or 'the process begins'}")
        time.sleep(_POLL)


def _released(state_dir: Path, seconds: float, reports: _Reports | None = None) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        lock = try_lock(state_dir)
        if lock is not None:
            with lock:
                remove_info(state_dir)
            return True
        if time.monotonic() > deadline:
            return False
        if reports is not None:
            reports.say("stopping: the network writes its state to the disk")
        time.sleep(_POLL)


def _await_end(process: psutil.Process) -> None:
    """Wait for a process whose state is on disk: it only gives its memory back."""
    deadline = time.monotonic() + _END_SECONDS
    with contextlib.suppress(psutil.NoSuchProcess):
        # Not Process.wait: it counts one that its parent never asks for as running.
        while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(_POLL)
    with contextlib.suppress(ChildProcessError):  # Unless this very process started it.
        os.waitpid(process.pid, os.WNOHANG)


def _process(pid: int) -> psutil.Process | None:
    """The process, known apart from a later one of its number; None when it has ended."""
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def stop(state_dir: Path, report: Report = _silent) -> bool:
    """Stop the network of a folder and wait until its state is on disk and its process has ended.

    One that still starts is stopped too; the next start goes on from its last checkpoint. Returns
    False when none ran. Raises NetworkError when it does not end.
    """
    info = status(state_dir)
    begun = starting(state_dir) if info is None else None
    if info is None and begun is None:
        if state_dir.is_dir() and not _released(state_dir, 1.0):
            raise NetworkError(f"another process has locked {state_dir} for a moment: try again")
        return False
    pid = info.pid if info is not None else begun.pid if begun is not None else 0
    process = _process(pid)
    reports = _Reports(report)
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 60.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise NetworkError(
                f"process {pid} of the network on {state_dir} belongs to another user"
            ) from error
        if _released(state_dir, seconds, reports):
            if process is not None:
                _await_end(process)
            return True
    raise NetworkError(f"process {pid} of the network on {state_dir} does not end")
