"""A shell for a person in the sandbox of a stage: this terminal, passed on to one of its own."""

from __future__ import annotations

import contextlib
import errno
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


class TerminalGone(KeyboardInterrupt):
    """The person's terminal is gone: as Ctrl-C, for nobody can type that any more."""


@contextlib.contextmanager
def ended_by_hangup() -> Iterator[None]:
    """Raise TerminalGone in the main thread on SIGHUP, unless it is ignored, as `nohup` makes it.

    The signal alone would end this process and leave its folders.
    """
    before = signal.getsignal(signal.SIGHUP)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _hung_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _hung_up(*_: object) -> None:
    raise TerminalGone


def require_terminal() -> None:
    """Raise UsageTrouble where no person could type."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageTrouble("--shell needs a terminal: its input and output must be one")


def attend(start: Callable[[int], None]) -> None:
    """Let `start` run a shell on a new terminal, which is shown on this one until it ends.

    Raises TerminalGone when this one is closed meanwhile. The sandbox gets none of this terminal's
    descriptors: what runs there could type into it.
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
    # Also where it was ignored: nobody is left whom the shell is for.
    hung_up = signal.signal(signal.SIGHUP, _hung_up)
    _resize(person, terminal)
    tty.setraw(person)
    relay.start()
    try:
        yield
    finally:
        # From here on the relay may find that the terminal is gone, and nothing is to be ended.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.close(end)
        relay.join()
        os.close(ended)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(person, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, resized)
        signal.signal(signal.SIGHUP, hung_up)


def _relay(person: int, screen: int, terminal: int, ended: int) -> None:
    """Pass on until `ended` can be read; with SIGHUP to the main thread when the person's terminal
    is gone, which the kernel tells by a signal only where it is the controlling one."""
    try:
        _pass_on(person, screen, terminal, ended)
    except OSError:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGHUP)


def _pass_on(person: int, screen: int, terminal: int, ended: int) -> None:
    while True:
        ready, _, _ = select.select([person, terminal, ended], [], [])
        # First what is still to be shown.
        if terminal in ready:
            _write(screen, os.read(terminal, _READ_BYTES))
        elif ended in ready:
            return
        elif person in ready:
            typed = os.read(person, _READ_BYTES)
            if not typed:
                # In raw mode nothing that is typed ends a terminal.
                raise OSError(errno.EIO, "the terminal is gone")
            _write(terminal, typed)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _resize(person: int, terminal: int) -> None:
    size = fcntl.ioctl(person, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
