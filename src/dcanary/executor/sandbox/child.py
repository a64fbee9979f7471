"""Processes that are waited for together with what they have used."""

import os
import signal
import subprocess


class Child:
    """A process of ours. `cpu_ns`: its CPU time with that of all that it has waited for, once it
    has ended.

    Its own `poll`, `wait` and `kill` are not to be called: they take the figure away unread.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.cpu_ns = 0

    def poll(self) -> int | None:
        """The exit code; None while the process runs."""
        if self.process.returncode is None:
            self._wait(os.WNOHANG)
        return self.process.returncode

    def kill(self) -> None:
        """Kill the process and wait until it is gone."""
        if self.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self._wait(0)

    def _wait(self, options: int) -> None:
        found, status, used = os.wait4(self.process.pid, options)
        if found:
            self.process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu_ns = round((used.ru_utime + used.ru_stime) * 1e9)
