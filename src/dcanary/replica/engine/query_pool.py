"""Runs queries on worker threads, so many at a time per canister that none can take them all.

Inspections of messages, which are queries too, have a pool of their own: queries cannot keep
messages out.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from dcanary.replica.api import Reject
from dcanary.replica.engine.workers import Workers
from dcanary.replica.state.errors import CallError, ErrorCode

PER_CANISTER = 4
"""Queries of one canister at a time, as on the network."""
MAX_WAITING = 500
"""Queries of one canister that wait for their turn."""

Answer = TypeVar("Answer")


class QueryPool(Generic[Answer]):
    """The queries of one subnet."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._guard = threading.Lock()
        self._running: dict[bytes, int] = {}
        self._waiting: dict[bytes, deque[tuple[Callable[[], Answer], Future[Answer | Reject]]]] = {}

    @property
    def busy(self) -> bool:
        """Whether queries run."""
        return bool(self._running)

    def start(self, canister: bytes, work: Callable[[], Answer]) -> Future[Answer | Reject]:
        """Run a query of a canister as soon as it is its turn.

        Raises RuntimeError when the workers are closed.
        """
        future: Future[Answer | Reject] = Future()
        with self._guard:
            running = self._running.get(canister, 0)
            if running >= PER_CANISTER:
                waiting = self._waiting.setdefault(canister, deque())
                if len(waiting) >= MAX_WAITING:
                    text = "The canister has too many queries; try again later"
                    future.set_result(CallError(ErrorCode.QUEUE_FULL, text).reject())
                else:
                    waiting.append((work, future))
                return future
            self._running[canister] = running + 1
        try:
            self._workers.start(lambda: self._run(canister, work, future))
        except RuntimeError:
            self._next(canister)
            raise
        return future

    def _run(
        self, canister: bytes, work: Callable[[], Answer], future: Future[Answer | Reject]
    ) -> None:
        item: tuple[Callable[[], Answer], Future[Answer | Reject]] | None = (work, future)
        while item is not None:
            work, future = item
            if future.set_running_or_notify_cancel():
                try:
                    answer: Answer | Reject = work()
                except BaseException as error:
                    item = self._next(canister)
                    future.set_exception(error)
                    continue
                item = self._next(canister)
                future.set_result(answer)
            else:
                item = self._next(canister)

    def _next(self, canister: bytes) -> tuple[Callable[[], Answer], Future[Answer | Reject]] | None:
        with self._guard:
            waiting = self._waiting.get(canister)
            if waiting:
                return waiting.popleft()
            self._waiting.pop(canister, None)
            left = self._running[canister] - 1
            if left:
                self._running[canister] = left
            else:
                del self._running[canister]
            return None
