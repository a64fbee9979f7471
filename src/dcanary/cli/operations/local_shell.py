"""A shell for a person in the sandbox of a stage: this terminal, passed on to one of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator

from dcanary.cli.errors import UsageTrouble

_READ_BYTES = 65_536


def require_terminal() -> None:
    """Raise UsageTrouble where no person could type."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageTrouble("--shell needs a terminal: its input and output must be one")


def attend(start: Callable[[int], None]) -> None:
    """Let `start` run a shell on a new terminal, which is shown on this one until it ends.

    The sandbox gets none of this terminal's descriptors: what runs there could type into it.
    """
    ours, theirs = os.openpty()
    try:
        with _passed_on(ours):
            start(theirs)
    finally:
        os.close(theirs)
        os.close(ours)


@contextlib.contextmanager
def _passed_on(terminal: int) -> Iterator[None]:
    """What is typed goes to `terminal`, and what comes from there is shown."""
    person, screen = sys.stdin.fileno(), sys.stdout.fileno()
    before = termios.tcgetattr(person)
    ended, end = os.pipe()
    relay = threading.Thread(target=_relay, args=(person, screen, terminal, ended), daemon=True)
    resized = signal.signal(signal.SIGWINCH, lambda *_: _resize(person, terminal))
    _resize(person, terminal)
    tty.setraw(person)
    relay.start()
    try:
        yield
    finally:
        os.close(end)
        relay.join()
        os.close(ended)
        termios.tcsetattr(person, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, resized)


def _relay(person: int, screen: int, terminal: int, ended: int) -> None:
    sources = [person, terminal, ended]
    while True:
        ready, _, _ = select.select(sources, [], [])
        # First what is still to be shown.
        if terminal in ready:
            _write(screen, os.read(terminal, _READ_BYTES))
        elif ended in ready:
            return
        elif person in ready:
            typed = os.read(person, _READ_BYTES)
            if typed:
                _write(terminal, typed)
            else:
                sources.remove(person)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _resize(person: int, terminal: int) -> None:
    size = fcntl.ioctl(person, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
