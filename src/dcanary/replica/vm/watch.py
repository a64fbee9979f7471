"""Keeps a query within its time and the memory it may write.

A query's instance is asked at every epoch whether it may go on. What it has written are private
pages of this process until it ends; several that write a lot are bounded together, too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, ErrorCode, HostTrap
from dcanary.replica.vm import raw

NO_LIMIT_TICKS = 40_000
"""Epochs after which a run without a limit of time would be interrupted: hours. It is a number
that `Runtime.interrupt` can count up to; a run in progress cannot be stopped in another way."""
Written = Callable[[], int]
"""Bytes that a query has written so far."""


class QueryMemory:
    """What all running queries of an engine have written."""

    def __init__(self) -> None:
        self.most = limits.queries_memory()
        """Bytes."""
        self._written: dict[int, int] = {}

    def note(self, query: int, size: int) -> bool:
        """Note what a query has written; returns whether it may go on: the one that has written
        most may not when all together have written too much."""
        self._written[query] = size
        sizes = list(self._written.values())
        return size <= limits.QUERY_MEMORY and (sum(sizes) <= self.most or size < max(sizes))

    def forget(self, query: int) -> None:
        """A query has ended."""
        self._written.pop(query, None)


class Watch:
    """Of one instance for queries. Used by the thread that runs it."""

    def __init__(self, memory: QueryMemory, now: Callable[[], int]) -> None:
        self._memory = memory
        self._now = now
        """Epochs so far."""
        self._until: int | None = None
        self._written: Written | None = None
        self.error: CallError | None = None
        """Why the query was interrupted."""
        self.ticked = False
        """Whether it ran for so long that it was asked."""

    def begin(self, ticks: int, written: Written) -> None:
        """Begin to watch a run that may take so many epochs."""
        self._until = self._now() + ticks
        self._written = written
        self.error = None

    def end(self) -> None:
        """The run is over."""
        self._until = self._written = None
        self._memory.forget(id(self))

    @property
    def watches(self) -> bool:
        """Whether a query runs."""
        return self._until is not None

    def may_go_on(self) -> bool:
        """Whether the run is within its limits; sets `error` when it is not."""
        if self._until is None or self._written is None:
            return True  # not a query: a transform function, or the replica's own helper
        self.ticked = True
        if self._now() >= self._until:
            self.error = CallError(
                ErrorCode.QUERY_TIME,
                f"Canister ran for more than {limits.QUERY_WALL_CLOCK_SECONDS:g} s in a query.",
            )
        elif not self._memory.note(id(self), self._written()):
            self.error = CallError(
                ErrorCode.MEMORY_ACCESS,
                "Canister exceeded memory access limits: a query may write "
                f"{limits.QUERY_MEMORY >> 20} MiB, and all queries at a time "
                f"{self._memory.most >> 20} MiB.",
            )
        return self.error is None

    def check(self) -> None:
        """Raise `HostTrap` when the run is not within its limits."""
        if not self.may_go_on() and self.error is not None:
            raise HostTrap(self.error.code, self.error.message)


def epoch_callback(watch: Watch, closing: Callable[[], bool]) -> Any:
    """The function that wasmtime calls at an epoch; to be kept as long as the store.

    It knows the watch, and nothing knows it but the instance, so that both end with that.
    """

    def at_epoch(_context: Any, _data: Any, delta: Any, kind: Any) -> int | None:
        try:
            if not closing() and watch.may_go_on():
                delta[0] = 1 if watch.watches else NO_LIMIT_TICKS
                ctypes.cast(kind, ctypes.POINTER(ctypes.c_uint8))[0] = 0  # go on
                return None
        except BaseException as error:  # must not cross the border to native code
            watch.error = CallError(
                ErrorCode.ENGINE, f"watching a query failed inside the replica: {error!r}"
            )
        return int(raw.error_new(raw.INTERRUPTED.encode()))

    return raw.EpochCallback(at_epoch)
