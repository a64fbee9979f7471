"""Deadlines of bounded-wait calls: which calls are to be given up next.

Not part of the state: made again from the callbacks when a state is loaded.
"""

from __future__ import annotations

import heapq

_SPARE = 64
"""So many entries of calls that were answered are always allowed to stay."""


class Deadlines:
    """Open bounded-wait calls, named by the calling canister and the callback.

    `add` and `pop_due` cost O(log n); an answered call is only forgotten, and its entry in the heap
    is dropped when it comes up, or when more than half of the entries are such.
    """

    def __init__(self) -> None:
        self.heap: list[tuple[int, bytes, int]] = []
        self._open: set[tuple[bytes, int]] = set()

    def add(self, deadline: int, canister_id: bytes, callback: int) -> None:
        """Remember an open call. `deadline` in nanoseconds since the Unix epoch."""
        self._open.add((canister_id, callback))
        heapq.heappush(self.heap, (deadline, canister_id, callback))

    def forget(self, canister_id: bytes, callback: int) -> None:
        """Forget a call that was answered. One that is not known is ignored."""
        self._open.discard((canister_id, callback))
        if len(self.heap) > 2 * len(self._open) + _SPARE:
            self.heap = [entry for entry in self.heap if entry[1:] in self._open]
            heapq.heapify(self.heap)

    def is_due(self, now: int) -> bool:
        """Whether `pop_due` would return anything."""
        self._drop_answered()
        return bool(self.heap) and self.heap[0][0] <= now

    def pop_due(self, now: int) -> list[tuple[bytes, int]]:
        """Take out the calls whose deadline has come, the earliest first."""
        due = []
        while self.is_due(now):
            _, canister_id, callback = heapq.heappop(self.heap)
            self._open.discard((canister_id, callback))
            due.append((canister_id, callback))
        return due

    def _drop_answered(self) -> None:
        heap = self.heap
        while heap and heap[0][1:] not in self._open:
            heapq.heappop(heap)
