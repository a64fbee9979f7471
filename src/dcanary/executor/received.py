"""How many bytes came over the network for a job."""

import threading


class Received:
    """A count that several threads add to."""

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        """Count so many bytes more."""
        with self._lock:
            self.total += size
