"""Starting, finding and stopping a network from another process."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from .files import (
    LOG_FILE,
    NetworkError,
    RunningNetwork,
    lock_soon,
    read_info,
    remove_info,
    try_lock,
)

START_SECONDS = 180.0
"""Modules whose compiled form is not in the cache are compiled first."""
STOP_SECONDS = 60.0
_POLL = 0.05


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


def _log_tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


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
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = lock_soon(state_dir)
    if lock is None:
        running = read_info(state_dir)
        where = f" at {running.url} (process {running.pid})" if running else ""
        raise NetworkError(f"a network already runs on {state_dir}{where}: stop it first")
    with lock:
        remove_info(state_dir)
    command = [sys.executable, "-m", "dcanary.replica.network", "--state-dir", str(state_dir)]
    command += ["--port", str(port), "--host", host]
    if cache_dir is not None:
        command += ["--cache-dir", str(cache_dir)]
    if allow_http_loopback:
        command.append("--allow-http-loopback")
    if accept_loss:
        command.append("--accept-loss")
    log_path = state_dir / LOG_FILE
    with log_path.open("a") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        info = read_info(state_dir)
        if info is not None and info.pid == process.pid and _healthy(info):
            # The process outlives us on purpose: it is stopped through `stop`.
            process.returncode = 0
            return info
        if process.poll() is not None:
            raise NetworkError(
                f"the network on {state_dir} ended with code {process.returncode} before it "
                f"listened; last lines of {log_path}:\n{_log_tail(log_path)}"
            )
        time.sleep(_POLL)
    process.kill()
    process.wait()
    raise NetworkError(
        f"the network on {state_dir} was not healthy after {START_SECONDS:.0f} s; last lines of "
        f"{log_path}:\n{_log_tail(log_path)}"
    )


def _released(state_dir: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        lock = try_lock(state_dir)
        if lock is not None:
            with lock:
                remove_info(state_dir)
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)


def _reap(pid: int) -> None:
    """Forget a network that this very process started."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return


def stop(state_dir: Path) -> bool:
    """Stop the network of a folder and wait until its state is on disk.

    Returns False when none ran. Raises NetworkError when it does not end.
    """
    info = status(state_dir)
    if info is None:
        if state_dir.is_dir() and not _released(state_dir, 0.0):
            raise NetworkError(
                f"a network on {state_dir} is still starting: try again when it listens"
            )
        return False
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        try:
            os.kill(info.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise NetworkError(
                f"process {info.pid} of the network on {state_dir} belongs to another user"
            ) from error
        if _released(state_dir, seconds):
            _reap(info.pid)
            return True
    raise NetworkError(f"process {info.pid} of the network on {state_dir} does not end")
