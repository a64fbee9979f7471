"""The demo's folder: whose it is, what of an earlier demo runs in it, and who is at work there."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dcanary.cli.errors import translated
from dcanary.cli.operations.processes import Processes
from dcanary.client.errors import ClientError, ConfigError
from dcanary.replica.network import control

MARKER = "made-by-dcanary-demo"
"""In every folder that a demo made: only such a folder may be emptied by the next one.

The demo at work has locked it, and its process id is in it.
"""


def demo_home(home: Path) -> Path:
    """`home` itself when a demo made it (people export it to look around), else `demo` in it."""
    return home if (home / MARKER).is_file() else home / "demo"


def running(home: Path) -> list[str]:
    """Names of what an earlier demo left running."""
    processes = Processes(home / "processes")
    names = [one.name for one in processes.listed() if processes.running(one)]
    network = home / "network"
    with translated():
        if control.status(network) is not None or control.starting(network) is not None:
            names.append("network")
    return names


def stop_everything(home: Path) -> list[str]:
    """Stop forge, executors and network of a demo; names of what ran."""
    names = Processes(home / "processes").stop_all()
    with translated():
        if home.is_dir() and control.stop(home / "network"):
            names.append("network")
    return names


@contextmanager
def emptied(home: Path, confirm: Callable[[list[str]], None]) -> Iterator[None]:
    """Make the folder empty and the demo's own until the block ends.

    `confirm` is asked before anything that runs is stopped, with its names; it raises to keep it.
    Raises ConfigError when no demo made the folder, ClientError when another demo is at work in it.
    """
    marker = home / MARKER
    if home.exists() and any(home.iterdir()) and not marker.is_file():
        raise ConfigError(
            f"{home} is not a folder that a demo made: it stays as it is",
            "choose another --home, or move it away",
        )
    home.mkdir(parents=True, exist_ok=True)
    with marker.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ClientError(
                f"a demo is at work in {home}: process {file.read().strip() or 'unknown'}",
                "wait for its end, or interrupt it first: press Ctrl-C where it runs",
            ) from None
        names = running(home)
        if names:
            confirm(names)
        stop_everything(home)
        for path in home.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != marker:
                path.unlink()
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
