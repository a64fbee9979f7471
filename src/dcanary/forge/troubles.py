"""What goes wrong again and again: said once, and tried again after pauses that grow."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from dcanary.forge.errors import ForgeError

log = logging.getLogger("dcanary.forge")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


@dataclass
class _Trouble:
    said: str
    times: int
    due: float


class Troubles:
    """The troubles of one forge, each by its subject: a repository, a file of the spool."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, _Trouble] = {}

    def met(self, subject: str, error: Exception) -> None:
        """Note that something went wrong. It is logged the first time, and when the reason changes;
        with its traceback when it is none of those that a forge expects."""
        said = f"{type(error).__name__}: {error}"
        before = self._known.get(subject)
        times = 1 if before is None else before.times + 1
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * float(2 ** min(times - 1, 10)))
        self._known[subject] = _Trouble(said, times, self._clock() + pause)
        if before is None or before.said != said:
            expected = isinstance(error, ForgeError | OSError)
            log.error(
                "%s: %s; trying again, at intervals of up to %d s",
                subject,
                str(error) if expected else said,
                LONGEST_PAUSE_SECONDS,
                exc_info=None if expected else error,
            )

    def over(self, subject: str) -> None:
        """Note that it went well."""
        if self._known.pop(subject, None) is not None:
            log.warning("%s: this went well now", subject)

    def is_due(self, subject: str) -> bool:
        """Whether to try: it went well the last time, or its pause is over."""
        known = self._known.get(subject)
        return known is None or known.due <= self._clock()
