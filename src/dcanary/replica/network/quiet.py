"""A log that repeats itself a little only, however often something goes wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

MOST = 5
"""Records of one kind that are written in a period."""
PERIOD_SECONDS = 60.0
MOST_KINDS = 1000


class Repetitions(logging.Filter):
    """Lets a few records of each kind pass in a period, and then says how many it left out.

    A kind is a logger and an unformatted message.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write a record."""
        kind = (record.name, str(record.msg))
        now = self._clock()
        begun, count = self._kinds.get(kind, (now, 0))
        left_out = 0
        if now - begun >= PERIOD_SECONDS:
            left_out, begun, count = max(0, count - MOST), now, 0
        if len(self._kinds) >= MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (begun, count + 1)
        if count >= MOST:
            return False
        if left_out:
            record.msg = f"{record.msg} (and {left_out} more before)"
        return True


def quieten() -> None:
    """Filter all that goes to the root logger's handlers."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(Repetitions())
