"""The wish that a piece of work ends, which what waits or downloads must hear of."""

import contextlib
import threading
from collections.abc import Callable, Iterator


class Cancellation:
    """Set once, by any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._told: list[Callable[[], None]] = []
        self._changing = threading.Lock()

    def is_set(self) -> bool:
        """Whether the work is to end."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for the wish; whether there is one."""
        return self._event.wait(seconds)

    def set(self) -> None:
        """Wish for the end."""
        self._event.set()
        with self._changing:
            told = list(self._told)
        for each in told:
            each()

    @contextlib.contextmanager
    def telling(self, end: Callable[[], None]) -> Iterator[None]:
        """Within the block the wish calls `end`, from the thread that has it; also when it is older
        than the block. `end` may be called twice."""
        with self._changing:
            self._told.append(end)
        try:
            if self.is_set():
                end()
            yield
        finally:
            with self._changing:
                self._told.remove(end)
