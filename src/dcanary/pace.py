"""How long what takes minutes will take on this machine, and that it still goes on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

REPEAT_SECONDS = 30.0
"""How long nothing is heard of a step at most."""
_LOOPS = 2_000_000
_USUAL_SECONDS = 0.08
"""What `_LOOPS` take on the machine that the usual times were measured on, when it is idle."""


def measured_pace() -> float:
    """How much slower than usual this machine computes now, with all else that it does."""
    begun = time.perf_counter()
    total = 0
    for number in range(_LOOPS):
        total += number
    return max(0.25, (time.perf_counter() - begun) / _USUAL_SECONDS)


def roughly(seconds: float) -> str:
    """A time to come, as exactly as it can be known: `about 40 s`, `about 3 min`."""
    if seconds >= 90:
        return f"about {round(seconds / 60)} min"
    return f"about {max(5, round(seconds / 5) * 5)} s"


def lasted(seconds: float) -> str:
    """A time that has passed: `40 s`, `3 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextlib.contextmanager
def repeated(
    say: Callable[[str], None], every: float = REPEAT_SECONDS
) -> Iterator[Callable[[str], None]]:
    """Give a `say` whose last line is said again, with its time so far, while nothing else is.

    Nobody takes a program that is silent for minutes for one that works.
    """
    taking_turns, ended = threading.Lock(), threading.Event()
    last, since = "", time.monotonic()
    heard = since

    def told(line: str) -> None:
        nonlocal last, since, heard
        with taking_turns:
            last, since = line, time.monotonic()
            heard = since
            say(line)

    def repeat() -> None:
        nonlocal heard
        pause = every
        while not ended.wait(pause):
            with taking_turns, contextlib.suppress(OSError):  # Nobody may read any more.
                now = time.monotonic()
                pause = heard + every - now
                if pause <= 0:
                    heard, pause = now, every
                    if last:
                        say(f"still {last} ({lasted(now - since)} so far)")

    thread = threading.Thread(target=repeat, name="still", daemon=True)
    thread.start()
    try:
        yield told
    finally:
        ended.set()
        thread.join()
