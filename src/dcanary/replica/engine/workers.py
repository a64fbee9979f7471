"""Threads with a big stack, on which all canister code runs.

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
_STACK_SIZE_GUARD = threading.Lock()
"""`threading.stack_size` is a setting of the whole process."""


class Workers:
    """As many threads as have something to do at a time; they are kept for the next job."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._free = 0
        """Threads that wait for a job, less the jobs that wait for a thread."""
        self._threads: list[threading.Thread] = []
        self._closed = False

    def start(self, function: Callable[[], None]) -> None:
        """Run a function, which must not raise, on a thread of its own.

        Raises RuntimeError after `close`.
        """
        with self._guard:
            if self._closed:
                raise RuntimeError("the engine is closed")
            self._free -= 1
            self._jobs.put(function)
            if self._free < 0:
                self._spawn()

    def _spawn(self) -> None:
        name = f"replica-engine-{len(self._threads)}"
        thread = threading.Thread(target=self._loop, name=name, daemon=True)
        with _STACK_SIZE_GUARD:
            before = threading.stack_size(_STACK)
            try:
                thread.start()
            finally:
                threading.stack_size(before)
        self._threads.append(thread)
        self._free += 1

    def run(self, function: Callable[[], T]) -> T:
        """Run on a worker and wait; what it raises is raised here."""
        job = _Job(function)
        self.start(job)
        job.done.acquire()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]  # set, as there was no error

    def _loop(self) -> None:
        while True:
            function = self._jobs.get()
            if function is None:
                return
            function()
            with self._guard:
                self._free += 1

    def close(self) -> None:
        """Wait until all jobs are done and end the threads. Idempotent."""
        with self._guard:
            self._closed = True
            threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()


class _Job:
    __slots__ = ("done", "error", "function", "result")

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function
        self.done = threading.Lock()
        self.done.acquire()
        self.result: object = None
        self.error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self.result = self.function()
        except BaseException as error:
            self.error = error
        self.done.release()
