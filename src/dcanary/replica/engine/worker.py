"""One thread with a big stack on which all canister code runs.

Native stacks of server threads differ; the depth at which a canister's recursion traps must not.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from dcanary.replica.state import limits

T = TypeVar("T")
_STACK = 64 * limits.MIB


class Worker:
    """Runs functions on its thread, one at a time, in the order of the calls."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        before = threading.stack_size(_STACK)
        try:
            self._thread = threading.Thread(target=self._loop, name="replica-engine", daemon=True)
            self._thread.start()
        finally:
            threading.stack_size(before)

    def is_current(self) -> bool:
        """Whether the caller runs on the worker's thread."""
        return threading.current_thread() is self._thread

    def run(self, function: Callable[[], T]) -> T:
        """Run on the worker's thread and wait; what it raises is raised here."""
        if self.is_current():
            return function()
        job = _Job(function)
        self._jobs.put(job)
        job.done.acquire()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    def _loop(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            try:
                job.result = job.function()
            except BaseException as error:
                job.error = error
            job.done.release()

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join()


class _Job:
    __slots__ = ("done", "error", "function", "result")

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function
        self.done = threading.Lock()
        self.done.acquire()
        self.result: object = None
        self.error: BaseException | None = None
