"""The runs whose commit is still to be read, kept ready in memory: executors ask every second."""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import islice

from canisters.build_executor.records import ResolutionRecord
from shared.base.records import Lookup
from shared.rules.limits import MAX_RESOLUTIONS_SEEN


class OpenResolutions:
    """Written to the stable map on every change, and read from it again after an upgrade."""

    def __init__(self, stored: "Lookup[str, ResolutionRecord]") -> None:
        self._stored = stored
        self._open: dict[str, ResolutionRecord] = {}
        self._ends: list[tuple[int, str]] = []

    def forget(self) -> None:
        """Memory is empty (after an upgrade)."""
        self._open = {}
        self._ends = []

    def load(self, run: str) -> None:
        """Read an open run that has no commit yet from the stable map."""
        found = self._stored.get(run)
        if found is not None:
            self._open[run] = found
            heappush(self._ends, (found["until_ns"], run))

    def some(self) -> "Iterator[tuple[str, ResolutionRecord]]":
        """Those first that were not asked for lately, at most MAX_RESOLUTIONS_SEEN.

        Each that is saved goes to the end, so that all have their turn.
        """
        return islice(self._open.items(), MAX_RESOLUTIONS_SEEN)

    def asked(self, run: str) -> "ResolutionRecord | None":
        """The record of a run whose commit is being asked for; None of all others."""
        return self._open.get(run)

    def any(self) -> bool:
        """Whether the commit of any run is being asked for."""
        return bool(self._open)

    def get(self, run: str) -> "ResolutionRecord | None":
        """How a run came, or is to come, to its commit; None where it was started for one."""
        known = self._open.get(run)
        return self._stored.get(run) if known is None else known

    def save(self, run: str, record: ResolutionRecord) -> None:
        """Write it down; it is asked for until it has a commit or the run ends."""
        self._stored.insert(run, record)
        if self._open.pop(run, None) is None:
            heappush(self._ends, (record["until_ns"], run))
        if record["commit"] is None:
            self._open[run] = record

    def drop(self, run: str) -> None:
        """The run has ended: its commit is not asked for any more."""
        self._open.pop(run, None)

    def next_end_ns(self) -> int:
        """When the time of the first of them is over; 0 when none is open."""
        while self._ends and self._ends[0][1] not in self._open:
            heappop(self._ends)
        return self._ends[0][0] if self._ends else 0

    def take_overdue(self, now: int) -> "str | None":
        """A run whose time is over; the caller ends it."""
        while self._ends and self._ends[0][0] <= now:
            _, run = heappop(self._ends)
            if run in self._open:
                return run
        return None
