"""A wish of the thread that builds, granted by the thread that has the person's terminal."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Start = Callable[[int], None]


@dataclass
class _Wish:
    how: str
    start: Start
    granted: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class Attendance:
    """Passes calls of `Plan.attend` from one thread to another."""

    def __init__(self) -> None:
        self._wishes: queue.Queue[_Wish] = queue.Queue()

    def ask(self, how: str, start: Start) -> None:
        """Wait until the other thread has granted this. Raises what came up there."""
        wish = _Wish(how, start)
        self._wishes.put(wish)
        wish.granted.wait()
        if wish.error is not None:
            raise wish.error

    def grant(self, attend: Callable[[str, Start], None]) -> None:
        """Do what is asked for by now, in this thread."""
        while not self._wishes.empty():
            wish = self._wishes.get()
            try:
                attend(wish.how, wish.start)
            except Exception as error:
                wish.error = error
            finally:
                wish.granted.set()
