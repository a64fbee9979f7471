"""Writes the log from the operating system to the disk, in the background.

An answer does not wait for the disk: what a killed process had acknowledged is with the operating
system. Waiting would cost a flush, some milliseconds, for each update of a network that exists to
develop and test. A power failure or a crash of the operating system may therefore lose what was
acknowledged in the last `SECONDS`; `Options.fsync` waits for every input instead.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

SECONDS = 1.0


def flush(fd: int) -> None:
    """Wait until the disk has a file's content. Raises OSError."""
    if sys.platform == "darwin":
        os.fsync(fd)
    else:
        os.fdatasync(fd)


class Flusher:
    """Flushes the file it was last given, at most every `SECONDS`, while there is anything new."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._guard = threading.Lock()
        self._fd = -1
        self._thread = threading.Thread(target=self._run, name="log-flusher", daemon=True)
        self._thread.start()

    def use(self, fd: int) -> None:
        """Flush this file from now on; -1 for none. The one before may be closed afterwards."""
        with self._guard:
            self._fd = fd

    def changed(self) -> None:
        """Note that something was written."""
        if not self._changed.is_set():
            self._changed.set()

    def _run(self) -> None:
        while True:
            self._changed.wait()
            if self._ended.wait(SECONDS):
                return
            self._changed.clear()
            with self._guard, contextlib.suppress(OSError):
                # What the disk refuses now is refused again, and told, when the next input or
                # checkpoint is written.
                if self._fd >= 0:
                    flush(self._fd)

    def close(self) -> None:
        """End the thread. Idempotent."""
        self.use(-1)
        self._ended.set()
        self._changed.set()
        self._thread.join()
