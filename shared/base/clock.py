"""One wake-up timer a canister, for the earliest of its deadlines.

A timer for each deadline would leave one pending for everything that ended before its time: in a
burst of runs the cost of setting a timer grew with them.
"""

from collections.abc import Callable

from kybra import ic

from shared.base.outbox import timer_delay_seconds


class WakeUp:
    """Calls `pass_due(now)` when the earliest deadline has come.

    `pass_due` does what is due and returns when the next thing will be, in nanoseconds (0: there
    is nothing). Holds no state that an upgrade may not lose: `post_upgrade` calls `at` again.
    """

    def __init__(self, pass_due: "Callable[[int], int]") -> None:
        self._pass_due = pass_due
        self._armed_ns = 0
        self._timer: int | None = None

    def at(self, due_ns: int) -> None:
        """Wake at `due_ns` (0: nothing to wake for), unless that happens before anyway."""
        now = ic.time()
        # A timer that should have fired before now was lost to a trap: it is not waited for.
        if due_ns == 0 or now < self._armed_ns <= due_ns:
            return
        if self._timer is not None and self._armed_ns > now:
            ic.clear_timer(self._timer)
        self._armed_ns = max(due_ns, now + 1)
        self._timer = ic.set_timer(timer_delay_seconds(now, due_ns), self._wake)

    def _wake(self) -> None:
        now = ic.time()
        self._armed_ns = 0
        self._timer = None
        self.at(self._pass_due(now))
