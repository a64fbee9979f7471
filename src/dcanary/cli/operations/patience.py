"""Reading on while a canister is being upgraded or the network is away. Writes are not repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from dcanary.client.errors import (
    CertificateError,
    ClientError,
    ClockError,
    NetworkError,
    OtherVersion,
    RejectedError,
)

T = TypeVar("T")

BOUND_SECONDS = 120.0
"""How long one interruption may last: an upgrade of a canister takes seconds."""
POLL_SECONDS = 1.0
SYSTEM_TRANSIENT = 2
"""Reject code of the Internet Computer: the same call may succeed later."""
NOT_RUNNING = ("IC0508", "IC0509")
"""Codes of a canister that is stopped, or stopping: `system deploy` stops what it upgrades."""
_LASTING = (OtherVersion, CertificateError, ClockError)


def is_passing(error: ClientError) -> bool:
    """Whether a later answer may be another one although nobody does anything about it."""
    if isinstance(error, RejectedError):
        return error.error_code in NOT_RUNNING or error.code == SYSTEM_TRANSIENT
    return isinstance(error, NetworkError) and not isinstance(error, _LASTING)


class Patience:
    """Asks again while an interruption lasts, and says so in one line for each interruption."""

    def __init__(
        self,
        say: Callable[[str], None],
        deadline: float | None = None,
        answered: bool = False,
    ) -> None:
        """`deadline`, of the monotonic clock, is when the whole command gives up; `answered` says
        whether the network has answered it already."""
        self._say = say
        self._deadline = deadline
        self._answered = answered

    def __call__(self, read: Callable[[], T]) -> T:
        """What `read`, which changes nothing, answers in the end.

        Raises the error of the last try after BOUND_SECONDS or at the deadline, and every error
        that does not pass by itself at once. A network that has never answered is such an error:
        its address may be wrong, or nobody has started it.
        """
        until: float | None = None
        while True:
            try:
                found = read()
            except ClientError as error:
                unknown = isinstance(error, NetworkError) and not self._answered
                if unknown or not is_passing(error):
                    raise
                if until is None:
                    until = time.monotonic() + BOUND_SECONDS
                    if self._deadline is not None:
                        until = min(until, self._deadline)
                    left = max(0.0, until - time.monotonic())
                    self._say(f"waiting: {error.message}; asking again for up to {left:.0f} s")
                if time.monotonic() >= until:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                self._answered = True
                return found
