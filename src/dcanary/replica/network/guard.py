"""HTTP connections that cannot use up the process: time limits and a limit on their number.

uvicorn has a time limit for idle connections between requests only: a client that opens a
connection and sends nothing, or half a request, keeps it for ever, until no file descriptor is
left to accept another one.
"""

from __future__ import annotations

import asyncio
import enum
import resource
import time
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0
"""From the opening of a connection, or the first byte of a later request, to the end of headers."""
STALL_SECONDS = 60.0
"""Without progress, while a body is awaited or an answer is not taken."""
SWEEP_SECONDS = 1.0
BACKLOG = 64
"""Connections accepted at a time; each counts before the next ones are accepted."""
RESERVED_DESCRIPTORS = 256
"""For the state on disk, memories, outcalls, and connections between accept and count."""
MOST_CONNECTIONS = 4096
FEWEST_CONNECTIONS = 64
WANTED_DESCRIPTORS = 65_536


class Phase(enum.Enum):
    """What a connection waits for."""

    IDLE = "the next request"
    HEAD = "the rest of the headers"
    BODY = "the rest of the body"
    ANSWER = "the application"
    READER = "the client to take the answer"


def overdue(phase: Phase, waited: float) -> bool:
    """Whether a connection has waited longer than its phase allows, in seconds."""
    match phase:
        case Phase.HEAD:
            return waited > HEAD_SECONDS
        case Phase.BODY | Phase.READER:
            return waited > STALL_SECONDS
        case Phase.IDLE | Phase.ANSWER:  # uvicorn's own limit; the application's own limits
            return False


def most_connections(descriptors: int) -> int:
    """How many connections fit into a number of file descriptors."""
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, descriptors - RESERVED_DESCRIPTORS))


def raise_descriptor_limit() -> None:
    """Take as many file descriptors as the system allows without asking."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class GuardedProtocol(H11Protocol):
    """One connection that knows since when it waits, and for what."""

    since = 0.0
    """When the present wait began, in seconds of the monotonic clock."""
    _reading_head = True
    _not_taken = False

    @property
    def phase(self) -> Phase:
        """What the connection waits for."""
        if self._not_taken:
            return Phase.READER
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return Phase.HEAD if self._reading_head else Phase.IDLE
        return Phase.BODY if cycle.more_body else Phase.ANSWER

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Make room when there are too many; without room the new connection is closed."""
        self.since = time.monotonic()
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        full = len(self.connections) >= most_connections(soft)
        super().connection_made(transport)
        if full:
            (longest_waiting(c for c in self.connections if c is not self) or self).drop()

    def data_received(self, data: bytes) -> None:
        """Note progress: any data counts in a body, only the first in headers."""
        phase = self.phase
        if phase is Phase.IDLE:
            self._reading_head = True
        if phase is not Phase.HEAD:
            self.since = time.monotonic()
        super().data_received(data)
        if self.phase in (Phase.BODY, Phase.ANSWER):
            self._reading_head = False

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.since = time.monotonic()
        super().on_response_complete()
        self._reading_head = bool(self.conn.trailing_data[0])

    def pause_writing(self) -> None:
        """The client does not take the answer as fast as it is made."""
        self._not_taken, self.since = True, time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has taken what was sent."""
        self._not_taken, self.since = False, time.monotonic()
        super().resume_writing()

    def drop(self) -> None:
        """Close at once."""
        # Its place counts as free from now on, not from when the event loop gets to it.
        self.connections.discard(self)
        self.transport.abort()


def longest_waiting(connections: Iterable[Any]) -> GuardedProtocol | None:
    """The connection that has waited longest for its client; None when all have work."""
    waiting = [
        one
        for one in connections
        if isinstance(one, GuardedProtocol) and one.phase is not Phase.ANSWER
    ]
    return min(waiting, key=lambda one: one.since, default=None)


async def sweep(connections: set[Any]) -> None:
    """Close what is overdue, once a second, until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = time.monotonic()
        for one in list(connections):
            if isinstance(one, GuardedProtocol) and overdue(one.phase, now - one.since):
                one.drop()
