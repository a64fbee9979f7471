"""Stopping a network ends when its process has, not when its folder is free."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from dcanary.replica.network import control

# Lets go of the folder at the signal, and ends when it is told to on its standard input.
SLOW_TO_END = """
import os, signal, sys, time
from pathlib import Path
from dcanary.replica.network import files
folder = Path(sys.argv[1])
lock = files.try_lock(folder)
files.write_info(folder, files.RunningNetwork(1, "", os.getpid(), "http://127.0.0.1:1", 0))
signal.signal(signal.SIGTERM, lambda *_: lock.close())
print(os.getpid(), flush=True)
while not lock.closed:
    time.sleep(0.05)
time.sleep(2)
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], start_new_session=True)
child.returncode = 0
"""


def test_a_network_is_stopped_when_its_process_has_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, SLOW_TO_END, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        process = psutil.Process(int(parent.stdout.readline()))
    assert control.stop(tmp_path)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
