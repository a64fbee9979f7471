"""When an executor that has nothing to do shows that it is there.

Asking for work is a query, which costs nothing and leaves no trace. One update a minute is what the
canister tells a living executor from a dead one by; it also finds work that a stale answer to the
query hid. It costs about 13 billion cycles a day on the Internet Computer (9 million each: the fees
of an update and of its ingress message, and 1 to 2 million instructions). An update for every
question would cost sixty times as much, and the announcement of the offer, every 10 minutes, came
too rarely to tell.
"""

import random
import time


class Contact:
    """Counts the time since the last update. For one thread."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    def note(self) -> None:
        """An update is being sent."""
        # Executors that were started together should not all come together for ever.
        jitter = random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        self._next = time.monotonic() + self._seconds * jitter

    def is_due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() >= self._next
